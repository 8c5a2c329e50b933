// PNG by libpng. Its error handling jumps out of C frames, so no Swift code may run under it: each
// function here is one whole decoding or encoding.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { png_message_size = 200 };

enum { png_failed = 0, png_decoded = 1, png_too_large = 2 };

/// Decodes a whole PNG file in memory to 8 bits per channel, 1 to 4 channels (gray, gray and alpha,
/// RGB, RGBA), rows from top to bottom, without gaps. Palettes and small bit depths are expanded;
/// of 16 bits the high byte is kept, but 16-bit gray is clipped at 255, as Pillow converts its mode
/// I;16. `key` is the sample of pictures without alpha, gray or red, green and blue, that is transparent (tRNS); -1
/// where there is none.
/// Returns png_decoded and memory for png_pixels_free; or png_too_large, before it allocates memory
/// for the image; or png_failed; both of these with a message.
int png_pixels_decode(const uint8_t *data, size_t size, uint64_t most_pixels, uint8_t **pixels,
                      uint32_t *width, uint32_t *height, int *channels, int key[3],
                      char message[png_message_size]);

/// Encodes 8-bit pixels of 1 or 3 channels. Equal pixels give equal bytes under one version of
/// libpng and zlib. Returns 1 and memory for png_pixels_free, or 0 and a message.
int png_pixels_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                      uint8_t **data, size_t *size, char message[png_message_size]);

void png_pixels_free(uint8_t *memory);
