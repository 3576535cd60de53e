#ifndef BINNACLE_CZLIB_H
#define BINNACLE_CZLIB_H
#include <zlib.h>

/* deflateInit2 is a macro, which Swift cannot import. */
static inline int czlib_deflate_init(z_streamp stream, int level, int window_bits, int memory_level) {
  return deflateInit2(stream, level, Z_DEFLATED, window_bits, memory_level, Z_DEFAULT_STRATEGY);
}
#endif
