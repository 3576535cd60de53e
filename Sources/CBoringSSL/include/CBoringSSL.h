#ifndef BINNACLE_CBORINGSSL_H
#define BINNACLE_CBORINGSSL_H
#include <stddef.h>
#include <stdint.h>

// Records of TLS 1.3 (RFC 8446 section 5.2) by BoringSSL's ciphers. Its own headers have the names of OpenSSL's, which Swift sees too, so they stay in here.

enum { cboringssl_nonce_bytes = 12, cboringssl_tag_bytes = 16 };

// A cipher with a key.
typedef struct cboringssl_cipher cboringssl_cipher;

// AES-GCM with keys of 16 or 32 bytes, or ChaCha20-Poly1305 with 32. Without a key; null when memory is out or there is no such cipher.
cboringssl_cipher *cboringssl_aes_gcm(size_t key_bytes);
cboringssl_cipher *cboringssl_chacha20_poly1305(void);
// Wipes the key. Takes null.
void cboringssl_free(cboringssl_cipher *cipher);

// Takes another key, as long as the cipher's. 1 when it could.
int cboringssl_set_key(cboringssl_cipher *cipher, const uint8_t *key);

// Writes `count` bytes and `type`, protected, and the tag to `out`, `count + 1 + cboringssl_tag_bytes` in all. `out` is `plain` or apart from it. 1 when it could.
int cboringssl_seal(
    const cboringssl_cipher *cipher, const uint8_t *nonce, const uint8_t *header, size_t header_bytes, const uint8_t *plain, size_t count, uint8_t type, uint8_t *out);

// The reverse: writes `count - cboringssl_tag_bytes` bytes. `out` is `sealed` or apart from it. 1 when they were made with this key; 0 otherwise, and `out` has nothing of use.
int cboringssl_open(
    const cboringssl_cipher *cipher, const uint8_t *nonce, const uint8_t *header, size_t header_bytes, const uint8_t *sealed, size_t count, uint8_t *out);
#endif
