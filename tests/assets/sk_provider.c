/*
 * A security key in software, for tests: OpenSSH's sk-api.h (PROTOCOL.u2f) over libcrypto.
 * The key handle is the private key itself. It is always touched.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION 0x000a0000
#define ALG_ECDSA 0
#define ALG_ED25519 1
#define ERR_GENERAL -1
#define ERR_UNSUPPORTED -2
#define SECRET_LEN 32
#define POINT_LEN 65
#define HASH_LEN 32

struct sk_option;
struct sk_resident_key;

struct sk_enroll_response {
    uint8_t flags;
    uint8_t *public_key;
    size_t public_key_len;
    uint8_t *key_handle;
    size_t key_handle_len;
    uint8_t *signature;
    size_t signature_len;
    uint8_t *attestation_cert;
    size_t attestation_cert_len;
    uint8_t *authdata;
    size_t authdata_len;
};

struct sk_sign_response {
    uint8_t flags;
    uint32_t counter;
    uint8_t *sig_r;
    size_t sig_r_len;
    uint8_t *sig_s;
    size_t sig_s_len;
};

static uint8_t *copy(const uint8_t *bytes, size_t length) {
    uint8_t *made = malloc(length ? length : 1);
    if (made && length)
        memcpy(made, bytes, length);
    return made;
}

static EVP_PKEY *ecdsa_from_secret(const uint8_t *secret, uint8_t point[POINT_LEN]) {
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *scalar = BN_bin2bn(secret, SECRET_LEN, NULL);
    EC_POINT *public = EC_POINT_new(group);
    EC_POINT_mul(group, public, scalar, NULL, NULL, NULL);
    EC_POINT_point2oct(group, public, POINT_CONVERSION_UNCOMPRESSED, point, POINT_LEN, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_LEN);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    if (EVP_PKEY_fromdata_init(context) <= 0 || EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EC_POINT_free(public);
    BN_free(scalar);
    EC_GROUP_free(group);
    return key;
}

static int make_secret(uint32_t alg, uint8_t secret[SECRET_LEN], uint8_t public[POINT_LEN], size_t *public_len) {
    EVP_PKEY *key = NULL;
    size_t length = SECRET_LEN;
    if (alg == ALG_ED25519) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        *public_len = SECRET_LEN;
        if (!key || EVP_PKEY_get_raw_private_key(key, secret, &length) != 1 ||
            EVP_PKEY_get_raw_public_key(key, public, public_len) != 1)
            return ERR_GENERAL;
    } else if (alg == ALG_ECDSA) {
        BIGNUM *scalar = NULL;
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        if (!key || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1)
            return ERR_GENERAL;
        BN_bn2binpad(scalar, secret, SECRET_LEN);
        BN_free(scalar);
        EVP_PKEY_free(ecdsa_from_secret(secret, public));
        *public_len = POINT_LEN;
    } else {
        return ERR_UNSUPPORTED;
    }
    EVP_PKEY_free(key);
    return 0;
}

uint32_t sk_api_version(void) { return API_VERSION; }

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
              const char *pin, struct sk_option **options, struct sk_enroll_response **response) {
    uint8_t secret[SECRET_LEN], public[POINT_LEN];
    size_t public_len = 0;
    (void)challenge, (void)challenge_len, (void)application, (void)pin, (void)options;
    int status = make_secret(alg, secret, public, &public_len);
    if (status != 0)
        return status;
    struct sk_enroll_response *made = calloc(1, sizeof *made);
    if (!made)
        return ERR_GENERAL;
    made->flags = flags;
    made->public_key = copy(public, public_len);
    made->public_key_len = public_len;
    made->key_handle = copy(secret, SECRET_LEN);
    made->key_handle_len = SECRET_LEN;
    made->signature = copy(NULL, 0);
    made->attestation_cert = copy(NULL, 0);
    made->authdata = copy(NULL, 0);
    *response = made;
    return 0;
}

/* What the device signs: SHA256(application), flags, counter, SHA256(data). */
static size_t signed_data(const char *application, uint8_t flags, uint32_t counter, const uint8_t *data,
                          size_t data_len, uint8_t out[2 * HASH_LEN + 5]) {
    EVP_Digest(application, strlen(application), out, NULL, EVP_sha256(), NULL);
    out[HASH_LEN] = flags;
    for (int i = 0; i < 4; i++)
        out[HASH_LEN + 1 + i] = (uint8_t)(counter >> (24 - 8 * i));
    EVP_Digest(data, data_len, out + HASH_LEN + 5, NULL, EVP_sha256(), NULL);
    return 2 * HASH_LEN + 5;
}

static int split_ecdsa(const uint8_t *der, size_t der_len, struct sk_sign_response *made) {
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    if (!signature)
        return ERR_GENERAL;
    const BIGNUM *r = ECDSA_SIG_get0_r(signature), *s = ECDSA_SIG_get0_s(signature);
    made->sig_r_len = (size_t)BN_num_bytes(r);
    made->sig_s_len = (size_t)BN_num_bytes(s);
    made->sig_r = calloc(1, made->sig_r_len);
    made->sig_s = calloc(1, made->sig_s_len);
    BN_bn2bin(r, made->sig_r);
    BN_bn2bin(s, made->sig_s);
    ECDSA_SIG_free(signature);
    return 0;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application, const uint8_t *key_handle,
            size_t key_handle_len, uint8_t flags, const char *pin, struct sk_option **options,
            struct sk_sign_response **response) {
    static uint32_t counter;
    uint8_t message[2 * HASH_LEN + 5], point[POINT_LEN], signature[256];
    size_t signature_len = sizeof signature;
    (void)pin, (void)options;
    if (key_handle_len != SECRET_LEN)
        return ERR_GENERAL;
    EVP_PKEY *key = alg == ALG_ED25519
        ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key_handle, key_handle_len)
        : ecdsa_from_secret(key_handle, point);
    struct sk_sign_response *made = calloc(1, sizeof *made);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *hash = alg == ALG_ED25519 ? NULL : EVP_sha256();
    int status = ERR_GENERAL;
    if (key && made && context) {
        made->flags = flags;
        made->counter = ++counter;
        size_t length = signed_data(application, made->flags, made->counter, data, data_len, message);
        if (EVP_DigestSignInit(context, NULL, hash, NULL, key) == 1 &&
            EVP_DigestSign(context, signature, &signature_len, message, length) == 1) {
            status = 0;
            if (alg == ALG_ED25519) {
                made->sig_r = copy(signature, signature_len);
                made->sig_r_len = signature_len;
            } else {
                status = split_ecdsa(signature, signature_len, made);
            }
        }
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    if (status == 0)
        *response = made;
    else
        free(made);
    return status;
}

int sk_load_resident_keys(const char *pin, struct sk_option **options, struct sk_resident_key ***keys, size_t *count) {
    (void)pin, (void)options, (void)keys, (void)count;
    return ERR_UNSUPPORTED;
}
