#define _GNU_SOURCE  // dladdr
#include "pra_jpeg.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

enum { most_scans = 500 };  // libjpeg-turbo, fuzz/decompress.cc

typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf jump;
  char *message;
} errors;

static void fail(j_common_ptr jpeg) {
  errors *to = (errors *)jpeg->err;
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  snprintf(to->message, jpeg_message_size, "%s", text);
  longjmp(to->jump, 1);
}

static void refuse(j_decompress_ptr jpeg, const char *text) {
  errors *to = (errors *)jpeg->err;
  snprintf(to->message, jpeg_message_size, "%s", text);
  longjmp(to->jump, 1);
}

static void warn(j_common_ptr jpeg, int level) {
  if (level < 0) jpeg->err->num_warnings++;
}

static void ignore(j_common_ptr jpeg) { (void)jpeg; }

static void do_nothing(j_decompress_ptr jpeg) { (void)jpeg; }

// The whole file is in memory: when it is used up there is never more, and libjpeg stops where it is.
static boolean no_more(j_decompress_ptr jpeg) {
  (void)jpeg;
  return FALSE;
}

static void skip(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  size_t left = jpeg->src->bytes_in_buffer;
  size_t taken = (size_t)count < left ? (size_t)count : left;
  jpeg->src->next_input_byte += taken;
  jpeg->src->bytes_in_buffer -= taken;
}

static void count_scans(j_common_ptr jpeg) {
  j_decompress_ptr from = (j_decompress_ptr)jpeg;
  if (from->input_scan_number > most_scans) refuse(from, "more than 500 scans");
}

int jpeg_pixels_decode(const uint8_t *data, size_t size, uint64_t most_pixels, uint8_t **pixels,
                       uint32_t *width, uint32_t *height, int *channels,
                       char message[jpeg_message_size]) {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_progress_mgr progress = {.progress_monitor = count_scans};
  struct jpeg_source_mgr source = {
      .next_input_byte = data,
      .bytes_in_buffer = size,
      .init_source = do_nothing,
      .fill_input_buffer = no_more,
      .skip_input_data = skip,
      .resync_to_restart = jpeg_resync_to_restart,
      .term_source = do_nothing,
  };
  errors on_error = {.message = message};
  uint8_t *volatile image = NULL;
  message[0] = 0;
  jpeg.err = jpeg_std_error(&on_error.base);
  on_error.base.error_exit = fail;
  on_error.base.emit_message = warn;
  on_error.base.output_message = ignore;
  if (setjmp(on_error.jump)) {
    jpeg_destroy_decompress(&jpeg);
    free(image);
    return jpeg_failed;
  }
  jpeg_create_decompress(&jpeg);
  jpeg.progress = &progress;
  jpeg.src = &source;
  if (jpeg_read_header(&jpeg, TRUE) == JPEG_SUSPENDED) refuse(&jpeg, "truncated");
  if ((uint64_t)jpeg.image_width * jpeg.image_height > most_pixels) {
    snprintf(message, jpeg_message_size, "%u x %u pixels", jpeg.image_width, jpeg.image_height);
    jpeg_destroy_decompress(&jpeg);
    return jpeg_too_large;
  }
  switch (jpeg.num_components) {
    case 1: jpeg.out_color_space = JCS_GRAYSCALE; break;
    case 3: jpeg.out_color_space = JCS_RGB; break;
    case 4: jpeg.out_color_space = JCS_CMYK; break;
    default: refuse(&jpeg, "neither 1, 3 nor 4 components");
  }
  jpeg.dct_method = JDCT_ISLOW;
  jpeg.do_fancy_upsampling = TRUE;
  if (!jpeg_start_decompress(&jpeg)) refuse(&jpeg, "truncated");
  size_t row = (size_t)jpeg.output_width * (size_t)jpeg.output_components;
  image = malloc(row * jpeg.output_height);
  if (!image) refuse(&jpeg, "out of memory");
  while (jpeg.output_scanline < jpeg.output_height) {
    // libjpeg returns a few rows at a time, however many are requested.
    JSAMPROW rows[4];
    JDIMENSION count = jpeg.output_height - jpeg.output_scanline;
    if (count > 4) count = 4;
    for (JDIMENSION i = 0; i < count; i++) rows[i] = image + (jpeg.output_scanline + i) * row;
    if (jpeg_read_scanlines(&jpeg, rows, count) == 0) refuse(&jpeg, "truncated");
  }
  // Every row is there; whether an end mark follows is of no interest, as to Pillow.
  jpeg_finish_decompress(&jpeg);
  *pixels = image;
  *width = jpeg.output_width;
  *height = jpeg.output_height;
  *channels = jpeg.output_components;
  jpeg_destroy_decompress(&jpeg);
  return jpeg_decoded;
}

void jpeg_pixels_free(uint8_t *memory) { free(memory); }

// The library tells its version to nobody, but its file holds "libjpeg-turbo version 2.1.5 (build ...".
static int find_version(FILE *file, char text[jpeg_message_size]) {
  static const char mark[] = "libjpeg-turbo version ";
  size_t matched = 0;
  for (int c = getc(file); c != EOF; c = getc(file)) {
    matched = c == mark[matched] ? matched + 1 : c == mark[0];
    if (mark[matched]) continue;
    int length = snprintf(text, jpeg_message_size, "libjpeg-turbo ");
    for (c = getc(file); c > ' ' && length < 64; c = getc(file)) text[length++] = (char)c;
    text[length] = 0;
    return 1;
  }
  return 0;
}

void jpeg_library(char text[jpeg_message_size]) {
  Dl_info library;
  FILE *file = NULL;
  if (dladdr((const void *)&jpeg_std_error, &library)) file = fopen(library.dli_fname, "rb");
  int is_found = file && find_version(file, text);
  if (file) fclose(file);
  if (is_found) return;
  struct jpeg_error_mgr errors;
  snprintf(text, jpeg_message_size, "libjpeg %s",
           jpeg_std_error(&errors)->jpeg_message_table[JMSG_VERSION]);
}
