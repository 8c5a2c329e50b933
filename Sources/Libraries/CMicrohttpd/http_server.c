#include "http_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

struct HTTPRequest {
  struct MHD_Connection *connection;
  const char *method;
  char *address;
  uint8_t *body;
  size_t size;
  int begun;
  int too_long;
  enum MHD_Result queued;
};

// Called with the raw line, before libmicrohttpd decodes it.
static void *keep_address(void *context, const char *address, struct MHD_Connection *connection) {
  (void)context;
  HTTPRequest *request = calloc(1, sizeof *request);
  if (request == NULL) return NULL;
  request->connection = connection;
  request->address = strdup(address);
  return request;
}

static enum MHD_Result handle(
    void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
    const char *data, size_t *size, void **state) {
  (void)path;
  (void)version;
  const HTTPServerOptions *options = context;
  HTTPRequest *request = *state;
  if (request == NULL || request->address == NULL) return MHD_NO;
  request->connection = connection;
  request->method = method;
  // The first call comes before the body.
  if (!request->begun) {
    request->begun = 1;
    return MHD_YES;
  }
  if (*size > 0) {
    if (request->size + *size > options->body_bytes) {
      request->too_long = 1;
      free(request->body);
      request->body = NULL;
      request->size = 0;
    } else if (!request->too_long) {
      uint8_t *longer = realloc(request->body, request->size + *size);
      if (longer == NULL) return MHD_NO;
      memcpy(longer + request->size, data, *size);
      request->body = longer;
      request->size += *size;
    }
    *size = 0;
    return MHD_YES;
  }
  request->queued = MHD_NO;
  options->answer(request, options->context);
  return request->queued;
}

static void finish(
    void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code) {
  (void)context;
  (void)connection;
  (void)code;
  HTTPRequest *request = *state;
  if (request == NULL) return;
  free(request->address);
  free(request->body);
  free(request);
  *state = NULL;
}

// Its own messages go nowhere: they would quote what a client sent.
static void be_silent(void *context, const char *format, va_list arguments) {
  (void)context;
  (void)format;
  (void)arguments;
}

typedef struct {
  struct MHD_Daemon *daemon;
  HTTPServerOptions options;
} Server;

void *http_server_start(const HTTPServerOptions *options) {
  Server *server = malloc(sizeof *server);
  if (server == NULL) return NULL;
  server->options = *options;
  server->daemon = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, &server->options,
      MHD_OPTION_EXTERNAL_LOGGER, be_silent, NULL, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)options->socket,
      MHD_OPTION_THREAD_POOL_SIZE, options->threads, MHD_OPTION_CONNECTION_LIMIT, options->connections,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->header_bytes, MHD_OPTION_CONNECTION_TIMEOUT, options->patience,
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, keep_address, NULL,
      MHD_OPTION_NOTIFY_COMPLETED, finish, NULL, MHD_OPTION_END);
  if (server->daemon == NULL) {
    free(server);
    return NULL;
  }
  return server;
}

void http_server_stop(void *given) {
  Server *server = given;
  MHD_stop_daemon(server->daemon);
  free(server);
}

const char *http_request_method(const HTTPRequest *request) { return request->method; }

const char *http_request_address(const HTTPRequest *request) { return request->address; }

typedef struct {
  const char *name;
  const char *value;
  int count;
} Search;

static enum MHD_Result look(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
  (void)kind;
  Search *search = context;
  if (strcasecmp(name, search->name) == 0) {
    if (search->count == 0) search->value = value;
    search->count += 1;
  }
  return MHD_YES;
}

int http_request_header(HTTPRequest *request, const char *name, const char **value) {
  Search search = {name, NULL, 0};
  MHD_get_connection_values(request->connection, MHD_HEADER_KIND, look, &search);
  *value = search.value;
  return search.count;
}

const uint8_t *http_request_body(const HTTPRequest *request, size_t *size) {
  *size = request->size;
  return request->body;
}

int http_request_is_too_long(const HTTPRequest *request) { return request->too_long; }

void http_request_peer(HTTPRequest *request, char *text, size_t size) {
  text[0] = 0;
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info == NULL || info->client_addr == NULL) return;
  const struct sockaddr *address = info->client_addr;
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, (socklen_t)size);
  } else if (address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, (socklen_t)size);
  }
}

static void queue(
    HTTPRequest *request, unsigned status, struct MHD_Response *response,
    const char *const *names, const char *const *values, size_t count) {
  if (response == NULL) return;
  for (size_t i = 0; i < count; i++) MHD_add_response_header(response, names[i], values[i]);
  request->queued = MHD_queue_response(request->connection, status, response);
  MHD_destroy_response(response);
}

void http_request_answer(
    HTTPRequest *request, unsigned status, const uint8_t *body, size_t size,
    const char *const *names, const char *const *values, size_t count) {
  // libmicrohttpd takes the bytes as not constant and copies them.
  struct MHD_Response *response =
      MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
  queue(request, status, response, names, values, count);
}

typedef struct {
  HTTPReader read;
  void (*release)(void *context);
  void *context;
} Stream;

static ssize_t read_stream(void *given, uint64_t place, char *bytes, size_t size) {
  Stream *stream = given;
  ssize_t count = stream->read(stream->context, place, bytes, size);
  return count > 0 ? count : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void release_stream(void *given) {
  Stream *stream = given;
  stream->release(stream->context);
  free(stream);
}

void http_request_stream(
    HTTPRequest *request, unsigned status, uint64_t size, HTTPReader read, void (*release)(void *context), void *context,
    const char *const *names, const char *const *values, size_t count) {
  Stream *stream = malloc(sizeof *stream);
  if (stream == NULL) {
    release(context);
    return;
  }
  *stream = (Stream){read, release, context};
  struct MHD_Response *response =
      MHD_create_response_from_callback(size, 256 << 10, read_stream, stream, release_stream);
  if (response == NULL) {
    release_stream(stream);
    return;
  }
  queue(request, status, response, names, values, count);
}
