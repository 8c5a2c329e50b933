#include "pra_jpeg.h"

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
  if (level >= 0) return;
  if (jpeg->err->msg_code == JWRN_JPEG_EOF) refuse((j_decompress_ptr)jpeg, "truncated");
  jpeg->err->num_warnings++;
}

static void ignore(j_common_ptr jpeg) { (void)jpeg; }

static void count_scans(j_common_ptr jpeg) {
  j_decompress_ptr from = (j_decompress_ptr)jpeg;
  if (from->input_scan_number > most_scans) refuse(from, "more than 500 scans");
}

int jpeg_pixels_decode(const uint8_t *data, size_t size, uint64_t most_pixels, uint8_t **pixels,
                       uint32_t *width, uint32_t *height, int *channels,
                       char message[jpeg_message_size]) {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_progress_mgr progress = {.progress_monitor = count_scans};
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
  jpeg_mem_src(&jpeg, data, size);
  jpeg_read_header(&jpeg, TRUE);
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
  jpeg_start_decompress(&jpeg);
  size_t row = (size_t)jpeg.output_width * (size_t)jpeg.output_components;
  image = malloc(row * jpeg.output_height);
  if (!image) refuse(&jpeg, "out of memory");
  while (jpeg.output_scanline < jpeg.output_height) {
    // libjpeg returns a few rows at a time, however many are requested.
    JSAMPROW rows[4];
    JDIMENSION count = jpeg.output_height - jpeg.output_scanline;
    if (count > 4) count = 4;
    for (JDIMENSION i = 0; i < count; i++) rows[i] = image + (jpeg.output_scanline + i) * row;
    jpeg_read_scanlines(&jpeg, rows, count);
  }
  jpeg_finish_decompress(&jpeg);
  *pixels = image;
  *width = jpeg.output_width;
  *height = jpeg.output_height;
  *channels = jpeg.output_components;
  jpeg_destroy_decompress(&jpeg);
  return jpeg_decoded;
}

void jpeg_pixels_free(uint8_t *memory) { free(memory); }
