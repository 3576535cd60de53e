#include "COpenSSL.h"

#include <malloc.h>
#include <pthread.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

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

int copenssl_expand_label(const char *digest, const unsigned char *secret, size_t secret_size, const char *label, unsigned char *out, size_t out_size) {
  EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
  EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
  EVP_KDF_free(kdf);
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  // OSSL_PARAM takes what it only reads without const.
  OSSL_PARAM parameters[] = {
    OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)digest, 0),
    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, secret_size),
    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)label, strlen(label)),
    OSSL_PARAM_construct_end(),
  };
  int result = context != NULL && EVP_KDF_derive(context, out, out_size, parameters) == 1;
  EVP_KDF_CTX_free(context);
  return result;
}
