// JPEG by libjpeg-turbo. Its error handling jumps out of C frames, so no Swift code runs under it:
// the function here is one whole decoding.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { jpeg_message_size = 256 };

enum { jpeg_failed = 0, jpeg_decoded = 1, jpeg_too_large = 2 };

/// Decodes a whole JPEG file in memory to 8 bits per channel, rows from top to bottom, without gaps:
/// 1 channel (gray), 3 (RGB) or 4 (CMYK as it is stored, which for Adobe's files is inverted). The
/// inverse transform is the accurate integer one and chroma is upsampled smoothly, as Pillow leaves
/// libjpeg's defaults; orientation tags are ignored.
///
/// Damage that libjpeg goes on from with a warning is accepted, as Pillow accepts it; the end of the
/// file before the end of the image is not, nor are more than 500 scans, each of which costs as much
/// time as a whole image.
/// Returns jpeg_decoded and memory for jpeg_pixels_free; or jpeg_too_large, before anything of the
/// size of the image is allocated; or jpeg_failed; both of these with a message.
int jpeg_pixels_decode(const uint8_t *data, size_t size, uint64_t most_pixels, uint8_t **pixels,
                       uint32_t *width, uint32_t *height, int *channels,
                       char message[jpeg_message_size]);

void jpeg_pixels_free(uint8_t *memory);
