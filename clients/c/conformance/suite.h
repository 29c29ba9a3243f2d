/* What the conformance runners of C and C++ share: golden rows, the conductor, clocks, inputs. See
 * clients/conformance/README.md. Nothing here names the client. */
#ifndef SUITE_H
#define SUITE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SUITE_SLOTS 64
/* Attempts at an attach that its own deadline of a second ends. */
#define SUITE_ATTACHES 10
/* Of the model `regression` of false daemons. */
#define SUITE_IMAGE_GENERATION 7
/* An id that no model of the suite has. */
#define SUITE_NO_MODEL 15
/* Different inputs, so that nothing is answered from a branch predictor's memory. */
#define SUITE_INPUTS 1024
/* Round trips between two readings of the clock. */
#define SUITE_GROUP 16

/* What a golden file holds: features alone, or y and second behind them, or a whole request: its
 * key first, and behind y and second the arm and the fingerprint. */
enum suite_form { SUITE_BAD, SUITE_ROWS, SUITE_REQUESTS };

/* Rows of a golden file, of `width` features each; columns that its form has not are zeros. */
struct suite_rows {
    double *x;
    uint64_t *key;
    uint64_t *y;
    uint64_t *second;
    uint64_t *arm;
    uint64_t *fingerprint;
    size_t width;
    size_t count;
};

static inline uint64_t suite_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double suite_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t suite_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline void suite_sleep_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* What an artifact's SHA-256 has for a fingerprint: its first eight bytes, little-endian. */
static inline uint64_t suite_fingerprint(const uint8_t sha256[32])
{
    uint64_t fingerprint = 0;
    for (int i = 8; i-- > 0;) fingerprint = fingerprint << 8 | sha256[i];
    return fingerprint;
}

static inline void *suite_memory(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);
    if (!memory) {
        fprintf(stderr, "no memory left\n");
        exit(1);
    }
    return memory;
}

static inline void suite_free_rows(struct suite_rows *rows)
{
    free(rows->x);
    free(rows->key);
    free(rows->y);
    free(rows->second);
    free(rows->arm);
    free(rows->fingerprint);
    memset(rows, 0, sizeof *rows);
}

/* Reads `NAME.golden`, whose lines have `width` features and the words of a form. False when it is
 * not there or holds anything else. */
static inline int suite_read(struct suite_rows *rows, const char *name, size_t width,
                             enum suite_form form)
{
    char path[1024];
    const char *folder = getenv("FACTORD_GOLDEN");
    size_t before = form == SUITE_REQUESTS ? 1 : 0;
    size_t words = before + width + 2 * (size_t)form;
    size_t room = 4096;
    char *line = NULL;
    size_t line_len = 0;
    int sound = 1;
    memset(rows, 0, sizeof *rows);
    snprintf(path, sizeof path, "%s/%s.golden", folder ? folder : "", name);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    rows->width = width;
    rows->x = (double *)suite_memory(room * width, sizeof *rows->x);
    uint64_t **columns[] = {&rows->key, &rows->y, &rows->second, &rows->arm, &rows->fingerprint};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        *columns[i] = (uint64_t *)suite_memory(room, sizeof **columns[i]);
    }
    while (sound && getline(&line, &line_len, file) > 0) {
        char *at = line;
        if (*line == '#') continue;
        for (size_t i = 0; sound && i < words; i++) {
            char *end;
            uint64_t word = strtoull(at, &end, 16);
            sound = end - at >= 16 && rows->count < room;
            at = end;
            if (!sound) break;
            if (i < before) {
                rows->key[rows->count] = word;
            } else if (i - before < width) {
                rows->x[rows->count * width + i - before] = suite_of_bits(word);
            } else {
                (*columns[1 + i - before - width])[rows->count] = word;
            }
        }
        sound = sound && *at == '\n';
        rows->count++;
    }
    free(line);
    fclose(file);
    if (!sound || rows->count == 0) suite_free_rows(rows);
    return sound && rows->width == width;
}

/* Has the conductor do something; what it prints behind `ok` goes to `said`. */
static inline int suite_conduct(const char *words, char *said, size_t said_len)
{
    char command[256];
    char line[512] = "";
    snprintf(command, sizeof command, "exec \"$FACTORD_CONDUCT\" %s </dev/null", words);
    FILE *pipe = popen(command, "r");
    if (!pipe) return 0;
    char *got = fgets(line, sizeof line, pipe);
    int status = pclose(pipe);
    if (!got || status != 0 || strncmp(line, "ok", 2) != 0) return 0;
    line[strcspn(line, "\n")] = 0;
    if (said) {
        const char *behind = line[2] == ' ' ? line + 3 : "";
        if (strlen(behind) >= said_len) return 0;
        strcpy(said, behind);
    }
    return 1;
}

/* Row i, from 0, of the inputs of a ping. */
static inline void suite_input(size_t row, double x[3])
{
    for (size_t i = 0; i < 3; i++) {
        double value = (double)(3 * row + i + 1) * 0.618033988749894;
        x[i] = value - floor(value);
    }
}

static inline int suite_ascending(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Reads the features of a CSV file with a header; the number of rows, or 0. */
static inline size_t suite_read_csv(const char *path, double **rows)
{
    char line[512];
    size_t count = 0;
    size_t room = 1024;
    FILE *file = fopen(path, "r");
    *rows = NULL;
    if (!file || !fgets(line, sizeof line, file)) return 0;
    *rows = (double *)suite_memory(room * 3, sizeof **rows);
    while (fgets(line, sizeof line, file)) {
        char *at = line;
        if (count == room) {
            double *more = (double *)suite_memory(2 * room * 3, sizeof **rows);
            memcpy(more, *rows, room * 3 * sizeof **rows);
            free(*rows);
            *rows = more;
            room *= 2;
        }
        for (size_t i = 0; i < 3; i++) {
            char *end;
            (*rows)[3 * count + i] = strtod(at, &end);
            if (end == at || (*end != ',' && *end != '\n')) return 0;
            at = end + 1;
        }
        count++;
    }
    fclose(file);
    return count;
}

#endif
