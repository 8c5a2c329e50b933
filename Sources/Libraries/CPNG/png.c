#include "pra_png.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const uint8_t *data;
  size_t size, offset;
  int is_short;   // whether more bytes were asked for than there are
  int is_broken;  // whether zlib's checksum of the pixels is another
} source;

typedef struct {
  uint8_t *data;
  size_t size, capacity;
} sink;

static void fail(png_structp png, png_const_charp message) {
  snprintf(png_get_error_ptr(png), png_message_size, "%s", message);
  longjmp(png_jmpbuf(png), 1);
}

// Warnings concern ancillary chunks, which no pixel depends on.
static void ignore(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

// libpng only warns if the checksum does not fit that zlib keeps of all rows.
static void look(png_structp png, png_const_charp message) {
  if (strstr(message, "incorrect data check")) ((source *)png_get_io_ptr(png))->is_broken = 1;
}

static void take(png_structp png, png_bytep out, size_t count) {
  source *from = png_get_io_ptr(png);
  if (count > from->size - from->offset) {
    from->is_short = 1;
    png_error(png, "truncated");
  }
  memcpy(out, from->data + from->offset, count);
  from->offset += count;
}

static void put(png_structp png, png_bytep bytes, size_t count) {
  sink *to = png_get_io_ptr(png);
  if (to->size + count > to->capacity) {
    size_t capacity = (to->size + count) * 2;
    uint8_t *grown = realloc(to->data, capacity);
    if (!grown) png_error(png, "out of memory");
    to->data = grown;
    to->capacity = capacity;
  }
  memcpy(to->data + to->size, bytes, count);
  to->size += count;
}

static void flush(png_structp png) { (void)png; }

// Converts two bytes per value, high byte first, to one: min(value, 255).
static void clip_gray16(uint8_t *out, const uint8_t *in, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = in[2 * i] ? 255 : in[2 * i + 1];
}

// Accepts chunks that libpng does not know, critical ones too: no pixel depends on them.
static int pass_over(png_structp png, png_unknown_chunkp chunk) {
  (void)png;
  (void)chunk;
  return 1;
}

// Whether the last row of the last pass was put into the image.
static int has_every_row(png_structp png, png_infop info) {
  return png_get_interlace_type(png, info) == PNG_INTERLACE_NONE
             ? png_get_current_row_number(png) >= png_get_image_height(png, info)
             : png_get_current_pass_number(png) >= 7;
}

// The sample that is transparent, as Pillow 13 takes it: the low byte of what the file says, compared with the 8-bit
// samples; of gray in one bit, its shade.
static void read_key(png_structp png, png_infop info, int type, int bits, int key[3]) {
  png_color_16p sample = NULL;
  key[0] = key[1] = key[2] = -1;
  if (type != PNG_COLOR_TYPE_GRAY && type != PNG_COLOR_TYPE_RGB) return;
  if (!png_get_tRNS(png, info, NULL, NULL, &sample) || !sample) return;
  if (type == PNG_COLOR_TYPE_GRAY) {
    key[0] = key[1] = key[2] = bits == 1 ? (sample->gray ? 255 : 0) : sample->gray & 255;
  } else {
    key[0] = sample->red & 255;
    key[1] = sample->green & 255;
    key[2] = sample->blue & 255;
  }
}

// `at_once` is the number of compressed bytes that are read at once: with 1, everything in front of a
// file's early end is decoded.
static int decode(const uint8_t *data, size_t size, size_t at_once, uint64_t most_pixels,
                  uint8_t **pixels, uint32_t *width, uint32_t *height, int *channels,
                  int key[3], int *is_short, char message[png_message_size]) {
  source from = {data, size, 0, 0, 0};
  uint8_t *volatile image = NULL;
  png_bytep *volatile rows = NULL;
  volatile int is_reading_rows = 0;
  png_infop info = NULL;
  message[0] = 0;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, message, fail, look);
  if (png) info = png_create_info_struct(png);
  if (!png || !info) {
    snprintf(message, png_message_size, "out of memory");
    png_destroy_read_struct(&png, NULL, NULL);
    return png_failed;
  }
  if (setjmp(png_jmpbuf(png))) {
    *is_short = from.is_short;
    // Chunks that are missing behind the last row, or are none, take no pixel away. Where zlib finds
    // fault with the data of the rows they may be others.
    int is_of_data = from.is_broken || !strncmp(message, "IDAT", 4);
    if (is_reading_rows && (from.is_short || !is_of_data) && has_every_row(png, info)) goto done;
    png_destroy_read_struct(&png, &info, NULL);
    free(image);
    free((void *)rows);
    return png_failed;
  }
  png_set_read_fn(png, &from, take);
  png_set_compression_buffer_size(png, at_once);
  png_set_read_user_chunk_fn(png, NULL, pass_over);
  // A wrong checksum is an error in the header and in the palette; as in Pillow, those of compressed
  // pixels are not looked at, since zlib has its own.
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
  png_read_info(png, info);
  png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_WARN_DISCARD);

  uint32_t w = png_get_image_width(png, info), h = png_get_image_height(png, info);
  if ((uint64_t)w * h > most_pixels) {
    snprintf(message, png_message_size, "%u x %u pixels", w, h);
    png_destroy_read_struct(&png, &info, NULL);
    return png_too_large;
  }
  int type = png_get_color_type(png, info), bits = png_get_bit_depth(png, info);
  int gray16 = type == PNG_COLOR_TYPE_GRAY && bits == 16;
  read_key(png, info, type, bits, key);
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY && bits < 8) png_set_expand_gray_1_2_4_to_8(png);
  if (bits == 16 && !gray16) png_set_strip_16(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);

  size_t row = png_get_rowbytes(png, info);
  image = malloc(row * h);
  rows = malloc(sizeof(png_bytep) * h);
  if (!image || !rows) png_error(png, "out of memory");
  for (uint32_t y = 0; y < h; y++) rows[y] = image + y * row;
  is_reading_rows = 1;
  png_read_image(png, (png_bytepp)rows);
  if (from.is_broken) png_error(png, "IDAT: incorrect data check");

done:
  // Read again from the header, as local variables are undefined after a jump.
  *width = png_get_image_width(png, info);
  *height = png_get_image_height(png, info);
  *channels = png_get_channels(png, info);
  if (png_get_bit_depth(png, info) == 16) clip_gray16(image, image, (size_t)*width * *height);
  *pixels = image;
  png_destroy_read_struct(&png, &info, NULL);
  free((void *)rows);
  return png_decoded;
}

int png_pixels_decode(const uint8_t *data, size_t size, uint64_t most_pixels, uint8_t **pixels,
                      uint32_t *width, uint32_t *height, int *channels, int key[3],
                      char message[png_message_size]) {
  enum { usual = 8192 };  // libpng, PNG_IDAT_READ_SIZE
  int is_short = 0;
  int outcome = decode(data, size, usual, most_pixels, pixels, width, height, channels, key, &is_short,
                       message);
  if (outcome != png_failed || !is_short) return outcome;
  return decode(data, size, 1, most_pixels, pixels, width, height, channels, key, &is_short, message);
}

int png_pixels_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                      uint8_t **data, size_t *size, char message[png_message_size]) {
  // On the heap, as local variables are undefined after a jump.
  sink *to = calloc(1, sizeof(sink));
  png_infop info = NULL;
  message[0] = 0;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, message, fail, ignore);
  if (png) info = png_create_info_struct(png);
  if (!png || !info || !to) {
    snprintf(message, png_message_size, "out of memory");
    png_destroy_write_struct(&png, &info);
    free(to);
    return 0;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    free(to->data);
    free(to);
    return 0;
  }
  png_set_write_fn(png, to, put, flush);
  png_set_IHDR(png, info, width, height, 8,
               channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(png, 6);
  png_write_info(png, info);
  for (uint32_t y = 0; y < height; y++) {
    png_write_row(png, pixels + (size_t)y * width * (size_t)channels);
  }
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  *data = to->data;
  *size = to->size;
  free(to);
  return 1;
}

void png_pixels_free(uint8_t *memory) { free(memory); }
