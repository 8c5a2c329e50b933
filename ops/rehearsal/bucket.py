"""A bucket in a folder behind HTTP, as fast as it is told to be: a store that is not on this machine.

It answers what the programs ask of S3 (puts whole and in parts, reads from a byte on, lists) and checks no
signatures."""
import http.server
import pathlib
import re
import threading
import time
import urllib.parse
import uuid

PIECE = 1 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, text="", **headers):
        body = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def missing(self, code):
        self.answer(404, f"<Error><Code>{code}</Code><Message>there is none</Message></Error>")

    @property
    def asked(self):
        url = urllib.parse.urlsplit(self.path)
        return self.server.folder / url.path.lstrip("/"), dict(urllib.parse.parse_qsl(url.query, True))

    def take(self, path):
        """Writes the body of the request to a file, which appears when it is complete."""
        path.parent.mkdir(parents=True, exist_ok=True)
        rest = int(self.headers["Content-Length"])
        partial = path.with_name(f".{uuid.uuid4()}")
        with open(partial, "wb") as file:
            while rest:
                piece = self.rfile.read(min(PIECE, rest))
                file.write(piece)
                rest -= len(piece)
        partial.rename(path)

    def do_PUT(self):
        path, query = self.asked
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        if "uploadId" in query:
            path = self.server.parts(query["uploadId"]) / f"{int(query['partNumber']):05}"
        self.take(path)
        self.answer(200, ETag=f'"{path.name}"')

    def do_POST(self):
        path, query = self.asked
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "uploads" in query:
            number = str(uuid.uuid4())
            self.server.parts(number).mkdir(parents=True)
            return self.answer(200, f"<R><UploadId>{number}</UploadId></R>")
        parts = self.server.parts(query["uploadId"])
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as whole:
            for part in sorted(parts.iterdir()):
                with open(part, "rb") as file:
                    while piece := file.read(PIECE):
                        whole.write(piece)
                part.unlink()
        self.answer(200, "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")

    def do_DELETE(self):
        path, query = self.asked
        if "uploadId" not in query:
            path.unlink(missing_ok=True)
        self.answer(204)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path, query = self.asked
        if "list-type" in query:
            found = sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())
            keys = [name for name in found if name.startswith(query.get("prefix", ""))][:1]
            return self.answer(200, f"<ListBucketResult>{''.join(f'<Key>{k}</Key>' for k in keys)}</ListBucketResult>")
        if not path.is_file():
            return self.missing("NoSuchKey")
        size = path.stat().st_size
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        end = min(size, int(asked[2]) + 1) if asked and asked[2] else size
        if self.command == "GET":
            self.server.reads.append((path.name, start, end))
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command == "GET":
            self.give(path, start, end)

    def give(self, path, start, end):
        began, sent = time.monotonic(), 0
        with open(path, "rb") as file:
            file.seek(start)
            while start + sent < end:
                piece = file.read(min(PIECE, end - start - sent))
                try:
                    self.wfile.write(piece)
                except OSError:  # the reader has gone
                    self.close_connection = True
                    return
                sent += len(piece)
                if self.server.rate:
                    time.sleep(max(0, began + sent / self.server.rate - time.monotonic()))


class Bucket(http.server.ThreadingHTTPServer):
    """Serves a folder from a free port of this machine.

    rate: bytes a second of each reading; nothing for as fast as it goes. reads: object, first byte and end of each"""
    daemon_threads = True

    def __init__(self, folder, rate=None):
        self.folder, self.rate, self.reads = pathlib.Path(folder), rate, []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def location(self):
        return f"s3://bucket/rehearsal?endpoint=http://127.0.0.1:{self.server_port}"

    def parts(self, upload):
        return self.folder / ".uploads" / upload
