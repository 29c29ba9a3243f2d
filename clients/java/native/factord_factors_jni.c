/*
 * The factors for Java: the C library of ../factors-c, linked statically. A handle is a pointer
 * that Java keeps, uses in one thread at a time and frees once. Texts end with a NUL.
 */
#include <factord_factors.h>
#include <jni.h>
#include <string.h>

enum {
    ROW_WORDS = sizeof(factord_factors_row) / sizeof(jlong),
    COUNT_WORDS = sizeof(factord_factors_counts) / sizeof(jlong),
};
_Static_assert(sizeof(factord_factors_row) == 128, "FactorRow.WORDS");
_Static_assert(sizeof(factord_factors_counts) == 160, "FactorsNative.COUNTS");

static factord_factors *of(jlong handle) {
    return (factord_factors *)(intptr_t)handle;
}

/* Makes factors; the handle, or a negative code and the sentence in `why`. */
JNIEXPORT jlong JNICALL Java_factord_FactorsNative_make(JNIEnv *env, jclass type, jbyteArray text,
                                                        jbyteArray why) {
    (void)type;
    char sentence[FACTORD_FACTORS_WHY_LEN] = "";
    jbyte *settings = (*env)->GetByteArrayElements(env, text, NULL);
    factord_factors *made = NULL;
    /* Without memory for the text there is an exception on its way. */
    int error = settings ? factord_factors_new(&made, FACTORD_FACTORS_LAYOUT, (char *)settings,
                                               sentence, sizeof sentence)
                         : FACTORD_FACTORS_ERROR_NULL;
    if (settings) {
        (*env)->ReleaseByteArrayElements(env, text, settings, JNI_ABORT);
        (*env)->SetByteArrayRegion(env, why, 0, sizeof sentence, (jbyte *)sentence);
    }
    return error == FACTORD_FACTORS_OK ? (jlong)(intptr_t)made : error;
}

JNIEXPORT void JNICALL Java_factord_FactorsNative_free(JNIEnv *env, jclass type, jlong handle) {
    (void)env;
    (void)type;
    factord_factors_free(of(handle));
}

JNIEXPORT jint JNICALL Java_factord_FactorsNative_push(JNIEnv *env, jclass type, jlong handle,
                                                       jlong ts_ns, jdouble price, jdouble qty,
                                                       jint side, jlong buy_id, jlong sell_id,
                                                       jdouble bid, jdouble ask) {
    (void)env;
    (void)type;
    const factord_factors_trade trade = {
        .ts_ns = ts_ns,
        .price = price,
        .qty = qty,
        .side = side,
        .buy_id = (uint64_t)buy_id,
        .sell_id = (uint64_t)sell_id,
        .bid = bid,
        .ask = ask,
    };
    return factord_factors_push(of(handle), &trade);
}

JNIEXPORT jint JNICALL Java_factord_FactorsNative_advance(JNIEnv *env, jclass type, jlong handle,
                                                          jlong now_ns) {
    (void)env;
    (void)type;
    return factord_factors_advance(of(handle), now_ns);
}

JNIEXPORT jint JNICALL Java_factord_FactorsNative_finish(JNIEnv *env, jclass type, jlong handle) {
    (void)env;
    (void)type;
    return factord_factors_finish(of(handle));
}

static void put_row(JNIEnv *env, jlongArray words, const factord_factors_row *row) {
    jlong copy[ROW_WORDS];
    memcpy(copy, row, sizeof copy);
    (*env)->SetLongArrayRegion(env, words, 0, ROW_WORDS, copy);
}

/* Takes a window, if one waits, as the words of its structure; how many. */
JNIEXPORT jint JNICALL Java_factord_FactorsNative_take(JNIEnv *env, jclass type, jlong handle,
                                                       jlongArray words) {
    (void)type;
    factord_factors_row row;
    int taken = factord_factors_take(of(handle), &row, 1);
    if (taken == 1) {
        put_row(env, words, &row);
    }
    return taken;
}

JNIEXPORT jint JNICALL Java_factord_FactorsNative_now(JNIEnv *env, jclass type, jlong handle,
                                                      jlongArray words) {
    (void)type;
    factord_factors_row row;
    int error = factord_factors_now(of(handle), &row);
    if (error == FACTORD_FACTORS_OK) {
        put_row(env, words, &row);
    }
    return error;
}

JNIEXPORT jint JNICALL Java_factord_FactorsNative_count(JNIEnv *env, jclass type, jlong handle,
                                                        jlongArray words) {
    (void)type;
    factord_factors_counts counts;
    int error = factord_factors_count(of(handle), &counts);
    if (error == FACTORD_FACTORS_OK) {
        jlong copy[COUNT_WORDS];
        memcpy(copy, &counts, sizeof copy);
        (*env)->SetLongArrayRegion(env, words, 0, COUNT_WORDS, copy);
    }
    return error;
}

/* Compares with the settings of a model; 0, or a negative code and the sentence in `why`. */
JNIEXPORT jint JNICALL Java_factord_FactorsNative_check(JNIEnv *env, jclass type, jlong handle,
                                                        jbyteArray text, jbyteArray why) {
    (void)type;
    char sentence[FACTORD_FACTORS_WHY_LEN] = "";
    jbyte *model = (*env)->GetByteArrayElements(env, text, NULL);
    if (!model) {
        return FACTORD_FACTORS_ERROR_NULL;
    }
    int error = factord_factors_check(of(handle), (char *)model, sentence, sizeof sentence);
    (*env)->ReleaseByteArrayElements(env, text, model, JNI_ABORT);
    (*env)->SetByteArrayRegion(env, why, 0, sizeof sentence, (jbyte *)sentence);
    return error;
}

/* The settings as text, without a NUL; null where there is no memory, with an exception. */
JNIEXPORT jbyteArray JNICALL Java_factord_FactorsNative_settings(JNIEnv *env, jclass type,
                                                                 jlong handle) {
    (void)type;
    /* Eleven names with a number or a word each. */
    char text[4096];
    int len = factord_factors_settings(of(handle), text, sizeof text);
    if (len < 0 || len >= (int)sizeof text) {
        len = 0;
    }
    jbyteArray bytes = (*env)->NewByteArray(env, len);
    if (bytes) {
        (*env)->SetByteArrayRegion(env, bytes, 0, len, (jbyte *)text);
    }
    return bytes;
}

/* What a code means. */
JNIEXPORT jstring JNICALL Java_factord_FactorsNative_message(JNIEnv *env, jclass type, jint code) {
    (void)type;
    return (*env)->NewStringUTF(env, factord_factors_strerror(code));
}
