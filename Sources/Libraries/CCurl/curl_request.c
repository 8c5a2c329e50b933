#include "curl_request.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void init(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

typedef struct {
  CURL *curl;
  const CurlRequest *request;
  CurlAnswer *answer;
  size_t sent;
} Exchange;

static const size_t text_limit = 1 << 16;

static size_t take_body(char *bytes, size_t one, size_t size, void *context) {
  Exchange *exchange = context;
  long status = 0;
  curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
  if (status < 300) {
    if (!exchange->request->sink) return size * one;
    return exchange->request->sink(status, bytes, size * one, exchange->request->context);
  }
  CurlAnswer *answer = exchange->answer;
  size_t room = text_limit - answer->text_size;
  size_t take = size * one < room ? size * one : room;
  if (take > 0) {
    char *grown = realloc(answer->text, answer->text_size + take);
    if (!grown) return 0;
    memcpy(grown + answer->text_size, bytes, take);
    answer->text = grown;
    answer->text_size += take;
  }
  return size * one;
}

// Copies the value of a header line if its name, with the colon, is this one and the value fits.
static void take_value(const char *line, size_t length, const char *name, char *value, size_t room) {
  size_t skip = strlen(name);
  if (length <= skip || strncasecmp(line, name, skip) != 0) return;
  const char *start = line + skip;
  const char *end = line + length;
  while (start < end && *start == ' ') start++;
  while (end > start && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ')) end--;
  size_t count = (size_t)(end - start);
  if (count >= room) return;
  memcpy(value, start, count);
  value[count] = 0;
}

// Retry-After (RFC 9110 section 10.2.3): seconds, or a date.
static double seconds_to_wait(const char *value) {
  if (value[0] >= '0' && value[0] <= '9') return strtod(value, NULL);
  time_t then = curl_getdate(value, NULL);
  time_t now = time(NULL);
  return then > now ? (double)(then - now) : 0;
}

static size_t take_header(char *bytes, size_t one, size_t size, void *context) {
  Exchange *exchange = context;
  CurlAnswer *answer = exchange->answer;
  size_t length = size * one;
  char retry[64] = "";
  take_value(bytes, length, "etag:", answer->etag, sizeof answer->etag);
  take_value(bytes, length, "location:", answer->location, sizeof answer->location);
  take_value(bytes, length, "x-amz-bucket-region:", answer->region, sizeof answer->region);
  take_value(bytes, length, "retry-after:", retry, sizeof retry);
  if (retry[0]) answer->retry_after = seconds_to_wait(retry);
  return length;
}

static size_t give_body(char *buffer, size_t one, size_t size, void *context) {
  Exchange *exchange = context;
  size_t rest = exchange->request->body_size - exchange->sent;
  size_t take = size * one < rest ? size * one : rest;
  memcpy(buffer, (const char *)exchange->request->body + exchange->sent, take);
  exchange->sent += take;
  return take;
}

static int ask_whether_to_stop(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  (void)a, (void)b, (void)c, (void)d;
  Exchange *exchange = context;
  return exchange->request->stop(exchange->request->context);
}

void *curl_session_open(void) {
  pthread_once(&once, init);
  return curl_easy_init();
}

void curl_session_close(void *session) { curl_easy_cleanup(session); }

void curl_session_send(void *session, const CurlRequest *request, CurlAnswer *answer) {
  CURL *curl = session;
  memset(answer, 0, sizeof *answer);
  answer->size = -1;
  Exchange exchange = {.curl = curl, .request = request, .answer = answer, .sent = 0};
  struct curl_slist *headers = NULL;
  for (size_t i = 0; i < request->header_count; i++)
    headers = curl_slist_append(headers, request->headers[i]);

  curl_easy_reset(curl); // keeps the connection
  curl_easy_setopt(curl, CURLOPT_URL, request->url);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, answer->message);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
  // A removed header ("Expect:") would still be signed, so this waits for a short time instead.
  curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 200L);
  // At 4 KiB/s a part of an upload would take half an hour.
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 4096L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, request->patience);
  if (request->stop) {
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_whether_to_stop);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  }
  if (request->authorities) curl_easy_setopt(curl, CURLOPT_CAINFO, request->authorities);
  if (request->signature) {
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, request->signature);
    curl_easy_setopt(curl, CURLOPT_USERPWD, request->credentials);
  }
  if (strcmp(request->method, "HEAD") == 0) {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else if (strcmp(request->method, "PUT") == 0) {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(curl, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_size);
  } else if (strcmp(request->method, "POST") == 0) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
  } else {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
  }
  CURLcode code = curl_easy_perform(curl);
  answer->error = (int)code;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
  curl_off_t size = -1;
  if (curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size) == CURLE_OK)
    answer->size = (int64_t)size;
  if (code != CURLE_OK && answer->message[0] == 0)
    strncpy(answer->message, curl_easy_strerror(code), sizeof answer->message - 1);
  curl_slist_free_all(headers);
}

void curl_answer_free(CurlAnswer *answer) {
  free(answer->text);
  answer->text = NULL;
}
