// One HTTP request through libcurl, whose variadic functions Swift cannot call.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *method;          // GET, HEAD, PUT, POST, DELETE
  const char *url;
  const char *const *headers;  // "Name: value", header_count of them
  size_t header_count;
  const char *signature;       // aws:amz:REGION:s3, or NULL for an unsigned request
  const char *credentials;     // KEY:SECRET
  const char *authorities;     // a file of certificates to trust, or NULL for those of the system
  long patience;               // seconds of less than 4 KiB/s, or of silence, after which it has failed
  const void *body;            // sent whole; NULL for none
  size_t body_size;
  // Takes the bytes of an answer below 300; returning less than size ends the request.
  size_t (*sink)(long status, const void *bytes, size_t size, void *context);
  // Asked about once a second, also while nothing arrives; another value than 0 ends the request.
  int (*stop)(void *context);
  void *context;
} CurlRequest;

typedef struct {
  long status;       // 0 where there was no answer
  int error;         // a CURLcode
  char message[256]; // libcurl's message
  char etag[128];    // with its quotation marks
  char region[64];   // x-amz-bucket-region, in which a bucket is that was asked for elsewhere
  char location[512];
  int64_t size;      // Content-Length, which of a HEAD is the object's; -1 if it was not told
  double retry_after; // seconds; 0 if it was not told
  char *text;        // the body of an answer of 300 or more, at most 64 KiB; free with curl_answer_free
  size_t text_size;
} CurlAnswer;

// Opens a connection that is kept between requests; used by one thread at a time.
void *curl_session_open(void);
void curl_session_close(void *session);
void curl_session_send(void *session, const CurlRequest *request, CurlAnswer *answer);
void curl_answer_free(CurlAnswer *answer);
