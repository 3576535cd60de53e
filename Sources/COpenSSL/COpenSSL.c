#include "COpenSSL.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

// Connections give their record buffers back after each use (SSL_MODE_RELEASE_BUFFERS), so that idle ones hold none. An allocator hands out another block each
// time, which no cache of the processor holds; so a thread keeps the last block of that size for the next record.

enum { BLOCK_MIN = 16 << 10, BLOCK_MAX = 24 << 10 };

static _Thread_local void *kept;
static _Thread_local size_t kept_size;
static _Thread_local int is_watched;
static pthread_key_t at_end;

static void give_up(void *mark) {
  (void)mark;
  free(kept);
  kept = NULL;
  is_watched = 0;
}

static void *allocate(size_t size, const char *file, int line) {
  (void)file, (void)line;
  if (kept != NULL && size >= BLOCK_MIN && size <= kept_size) {
    void *block = kept;
    kept = NULL;
    return block;
  }
  return size == 0 ? NULL : malloc(size);
}

static void release(void *block, const char *file, int line) {
  (void)file, (void)line;
  if (block == NULL) return;
  if (kept == NULL) {
    size_t size = malloc_usable_size(block);
    // The thread's end must find what is kept by then: to be told of it once is enough.
    if (size >= BLOCK_MIN && size <= BLOCK_MAX && (is_watched || pthread_setspecific(at_end, &at_end) == 0)) {
      is_watched = 1;
      kept = block;
      kept_size = size;
      return;
    }
  }
  free(block);
}

static void *reallocate(void *block, size_t size, const char *file, int line) {
  if (block == NULL) return allocate(size, file, line);
  if (size == 0) {
    release(block, file, line);
    return NULL;
  }
  return realloc(block, size);
}

int copenssl_keep_record_buffers(void) {
  if (pthread_key_create(&at_end, give_up) != 0) return 0;
  return CRYPTO_set_mem_functions(allocate, reallocate, release);
}
