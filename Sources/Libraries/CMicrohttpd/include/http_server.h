// An HTTP server through libmicrohttpd, whose variadic functions Swift cannot call. Reading and writing are its own
// threads' work; a request is answered by one call of a function, on one of them.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct HTTPRequest HTTPRequest;

typedef struct {
  int socket;              // listens already; closed with the server
  unsigned threads;
  unsigned connections;    // most of them at once
  size_t header_bytes;     // most of a request's line and headers
  size_t body_bytes;       // most of a request's body
  unsigned patience;       // seconds of silence after which a connection is closed
  void (*answer)(HTTPRequest *request, void *context);
  void *context;
} HTTPServerOptions;

// Starts a server, or returns NULL.
void *http_server_start(const HTTPServerOptions *options);
// Ends it when its threads have answered what they are at.
void http_server_stop(void *server);

const char *http_request_method(const HTTPRequest *request);
// The address as the client sent it, with its query.
const char *http_request_address(const HTTPRequest *request);
// The number of headers of a name, and the first of them, or NULL.
int http_request_header(HTTPRequest *request, const char *name, const char **value);
const uint8_t *http_request_body(const HTTPRequest *request, size_t *size);
// Whether the body was longer than is taken; it is then not kept.
int http_request_is_too_long(const HTTPRequest *request);
// The client's address as text, or "" on a Unix socket.
void http_request_peer(HTTPRequest *request, char *text, size_t size);
// Answers a request, once. Names and values are headers, count of them.
void http_request_answer(
    HTTPRequest *request, unsigned status, const uint8_t *body, size_t size,
    const char *const *names, const char *const *values, size_t count);

// Reads up to size bytes of a body from a place of it; returns their number, or a negative one where they cannot be read.
typedef ssize_t (*HTTPReader)(void *context, uint64_t place, char *bytes, size_t size);
// Answers a request, once, with a body of size bytes that is read as it is sent. The client sees a body that breaks off
// where it cannot be read. Release is called when no more is asked for.
void http_request_stream(
    HTTPRequest *request, unsigned status, uint64_t size, HTTPReader read, void (*release)(void *context), void *context,
    const char *const *names, const char *const *values, size_t count);
