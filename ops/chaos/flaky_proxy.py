"""Forwards HTTP requests and fails every third: 503, no answer, or an answer that breaks off.

python3 flaky_proxy.py PORT TARGET_PORT
"""

import http.client
import itertools
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, target = int(sys.argv[1]), int(sys.argv[2])
count = itertools.count(1)
failed = 0


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        global failed
        number = next(count)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        way = number // 3 % 3 if number % 3 == 0 else None
        if way is not None:
            failed += 1
            print(f"requests {number}, failed {failed}", flush=True)
        if way == 0:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if way == 1:
            self.close_connection = True
            return
        # The client has signed the host, so it must not be changed.
        server = http.client.HTTPConnection("127.0.0.1", target)
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            server.putheader(name, value)
        server.endheaders(body)
        answer = server.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if way == 2:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        else:
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", port), Proxy).serve_forever()
