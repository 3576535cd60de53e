#ifndef BINNACLE_COPENSSL_H
#define BINNACLE_COPENSSL_H
// First, so that what both include from the system belongs to that module: Swift sees a C type in one module only.
#include <CNetwork.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7.1) with an empty context; 1 when all of `out` is written.
int copenssl_expand_label(const char *digest, const unsigned char *secret, size_t secret_size, const char *label, unsigned char *out, size_t out_size);

// Macros and variadic functions, which Swift can't import.

static inline void copenssl_ctx_set_mode(SSL_CTX *ctx, long mode) { SSL_CTX_set_mode(ctx, mode); }
static inline int copenssl_ctx_set_min_version(SSL_CTX *ctx, int version) { return (int)SSL_CTX_set_min_proto_version(ctx, version); }
static inline void copenssl_ctx_set_session_cache_mode(SSL_CTX *ctx, long mode) { SSL_CTX_set_session_cache_mode(ctx, mode); }
static inline void copenssl_ctx_set_read_ahead(SSL_CTX *ctx, int yes) { SSL_CTX_set_read_ahead(ctx, yes); }
static inline void copenssl_ctx_set_max_cert_list(SSL_CTX *ctx, long bytes) { SSL_CTX_set_max_cert_list(ctx, bytes); }
static inline int copenssl_ctx_add1_chain_cert(SSL_CTX *ctx, X509 *cert) { return (int)SSL_CTX_add1_chain_cert(ctx, cert); }
static inline void copenssl_ctx_set_servername_callback(SSL_CTX *ctx, int (*callback)(SSL *, int *, void *), void *argument) {
  SSL_CTX_set_tlsext_servername_callback(ctx, callback);
  SSL_CTX_set_tlsext_servername_arg(ctx, argument);
}
static inline void copenssl_bio_should_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void copenssl_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline long copenssl_bio_mem_data(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }
static inline EVP_PKEY *copenssl_make_p256_key(void) { return EVP_EC_gen("P-256"); }
static inline int copenssl_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int copenssl_general_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline const GENERAL_NAME *copenssl_general_name(const GENERAL_NAMES *names, int place) { return sk_GENERAL_NAME_value(names, place); }
static inline STACK_OF(X509) *copenssl_x509_list(void) { return sk_X509_new_null(); }
static inline int copenssl_x509_push(STACK_OF(X509) *list, X509 *cert) { return sk_X509_push(list, cert); }
static inline int copenssl_x509_count(const STACK_OF(X509) *list) { return list == NULL ? 0 : sk_X509_num(list); }
static inline X509 *copenssl_x509_at(const STACK_OF(X509) *list, int place) { return sk_X509_value(list, place); }
static inline void copenssl_x509_list_free(STACK_OF(X509) *list) { sk_X509_free(list); }
// IA5 strings of DNS names, mail addresses and URIs, and the octets of IP addresses: all are ASN1_STRING in memory.
static inline const ASN1_STRING *copenssl_general_name_string(const GENERAL_NAME *name) { return name->d.ia5; }
static inline int copenssl_general_name_type(const GENERAL_NAME *name) { return name->type; }
#endif
