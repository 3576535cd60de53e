#include "CBoringSSL.h"

#include <CCryptoBoringSSL.h>
#include <stdlib.h>

struct cboringssl_cipher {
  const EVP_AEAD *aead;
  EVP_AEAD_CTX context;
};

static cboringssl_cipher *make(const EVP_AEAD *aead) {
  cboringssl_cipher *cipher = malloc(sizeof *cipher);
  if (cipher == NULL) return NULL;
  cipher->aead = aead;
  EVP_AEAD_CTX_zero(&cipher->context);
  return cipher;
}

cboringssl_cipher *cboringssl_aes_gcm(size_t key_bytes) {
  switch (key_bytes) {
  case 16: return make(EVP_aead_aes_128_gcm());
  case 32: return make(EVP_aead_aes_256_gcm());
  default: return NULL;
  }
}

cboringssl_cipher *cboringssl_chacha20_poly1305(void) { return make(EVP_aead_chacha20_poly1305()); }

void cboringssl_free(cboringssl_cipher *cipher) {
  if (cipher == NULL) return;
  EVP_AEAD_CTX_cleanup(&cipher->context);
  OPENSSL_cleanse(cipher, sizeof *cipher);
  free(cipher);
}

int cboringssl_set_key(cboringssl_cipher *cipher, const uint8_t *key) {
  EVP_AEAD_CTX_cleanup(&cipher->context);
  return EVP_AEAD_CTX_init(&cipher->context, cipher->aead, key, EVP_AEAD_key_length(cipher->aead), cboringssl_tag_bytes, NULL);
}

int cboringssl_seal(
    const cboringssl_cipher *cipher, const uint8_t *nonce, const uint8_t *header, size_t header_bytes, const uint8_t *plain, size_t count, uint8_t type, uint8_t *out) {
  size_t tail = 0;
  return EVP_AEAD_CTX_seal_scatter(
             &cipher->context, out, out + count, &tail, 1 + cboringssl_tag_bytes, nonce, cboringssl_nonce_bytes, plain, count, &type, 1, header, header_bytes) == 1 &&
         tail == 1 + cboringssl_tag_bytes;
}

int cboringssl_open(
    const cboringssl_cipher *cipher, const uint8_t *nonce, const uint8_t *header, size_t header_bytes, const uint8_t *sealed, size_t count, uint8_t *out) {
  if (count < cboringssl_tag_bytes) return 0;
  size_t written = 0;
  int result = EVP_AEAD_CTX_open(
      &cipher->context, out, &written, count - cboringssl_tag_bytes, nonce, cboringssl_nonce_bytes, sealed, count, header, header_bytes);
  // Why is no news: nobody reads it.
  if (result != 1) ERR_clear_error();
  return result == 1 && written == count - cboringssl_tag_bytes;
}
