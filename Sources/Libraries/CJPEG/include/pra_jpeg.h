// JPEG by libjpeg-turbo. Its error handling jumps out of C frames, so no Swift code may run under
// it: the function here is one whole decoding.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { jpeg_message_size = 256 };

enum { jpeg_failed = 0, jpeg_decoded = 1, jpeg_too_large = 2 };

/// Decodes a whole JPEG file in memory to 8 bits per channel, rows from top to bottom, without
/// gaps: 1 channel (gray), 3 (RGB) or 4 (CMYK as stored, which is inverted in Adobe's files). The
/// inverse transform is the accurate integer one and chroma is upsampled smoothly, libjpeg's
/// defaults, which Pillow keeps; orientation tags are ignored.
///
/// Damage that libjpeg only warns of is accepted, as by Pillow, and so is a file without an end mark
/// of which every row can be decoded: as in Pillow, whose decoder asks for a few bytes behind the last
/// one that it needs, that takes padding. A file that ends before its image is refused, and so are
/// more than 500 scans, each of which takes as much time as a whole image.
/// Returns jpeg_decoded and memory for jpeg_pixels_free; or jpeg_too_large, before it allocates
/// memory for the image; or jpeg_failed; both of these with a message.
int jpeg_pixels_decode(const uint8_t *data, size_t size, uint64_t most_pixels, uint8_t **pixels,
                       uint32_t *width, uint32_t *height, int *channels,
                       char message[jpeg_message_size]);

void jpeg_pixels_free(uint8_t *memory);

/// Writes the name and version of the library in this process, such as "libjpeg-turbo 2.1.5".
void jpeg_library(char text[jpeg_message_size]);
