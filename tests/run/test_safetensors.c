// SPDX-License-Identifier: Apache-2.0
// The safetensors format: what is written comes back, and every kind of wrong file gets its
// sentence.
#include "support.h"

#include "base/error.h"
#include "run/safetensors.h"

#include <math.h>

// A file in memory: the length, the header, `data_bytes` zero bytes.
static uint8_t *build(const char *header, size_t header_bytes, uint64_t stated_bytes,
                      size_t data_bytes, size_t *count)
{
    *count = 8 + header_bytes + data_bytes;
    uint8_t *bytes = calloc(1, *count);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(stated_bytes >> (8 * i));
    memcpy(bytes + 8, header, header_bytes);
    return bytes;
}

// The outcome of reading a file with this header.
static lw_status parse(const char *header, size_t data_bytes)
{
    size_t count;
    uint8_t *bytes = build(header, strlen(header), strlen(header), data_bytes, &count);
    lw_safetensors *file;
    lw_status status = lw_safetensors_parse(&file, bytes, count, "x.safetensors");
    assert_true((status == LW_OK) == (file != NULL));
    lw_safetensors_destroy(&file);
    return status;
}

static void check_helper_fails(void **state)
{
    (void)state;
    lw_fail(LW_ERROR_INPUT, "x.safetensors: expected 3, got 4");
    assert_true(failed_with(LW_ERROR_INPUT, LW_ERROR_INPUT, "expected 3|got 4"));
    assert_true(failed_with(LW_ERROR_INPUT, LW_ERROR_INPUT, ""));
    assert_false(failed_with(LW_ERROR_INPUT, LW_ERROR_INPUT, "expected 3|got 5"));
    assert_false(failed_with(LW_ERROR_INPUT, LW_ERROR_INPUT, "expected 2|got 4"));
    assert_false(failed_with(LW_ERROR_IO, LW_ERROR_INPUT, "expected 3"));
    assert_false(failed_with(LW_OK, LW_ERROR_INPUT, "expected 3"));
}

static void check_round_trip(void **state)
{
    (void)state;
    // Also values that comparisons and prints treat in their own way; only the bits count.
    const float first[6] = {1.5f, -0.0f, NAN, INFINITY, 1e-45f, -3.25e38f}, second[1] = {7};
    const lw_safetensors_tensor tensors[] = {
        {.name = "z last in the alphabet", .rank = 3, .shape = {1, 2, 3}, .count = 6},
        {.name = "empty", .rank = 2, .shape = {0, 5}, .count = 0},
        {.name = "scalar \"quoted\" \xC3\xA4", .rank = 0, .count = 1},
    };
    const float *const values[] = {first, NULL, second};
    const lw_safetensors_text metadata[] = {{"text", "line 1\nline 2\t\"\\ \xE2\x82\xAC"},
                                            {"empty", ""}};
    const char *path = in_folder("round.safetensors");
    assert_ok(lw_safetensors_write(path, tensors, values, 3, metadata, 2));

    lw_safetensors *file;
    assert_ok(lw_safetensors_read(&file, path));
    assert_int_equal(lw_safetensors_count(file), 3);
    for (size_t i = 0; i < 3; i++) {
        const lw_safetensors_tensor *tensor = lw_safetensors_at(file, i);
        assert_string_equal(tensor->name, tensors[i].name);
        assert_ptr_equal(tensor, lw_safetensors_find(file, tensors[i].name));
        assert_int_equal(tensor->rank, tensors[i].rank);
        assert_memory_equal(tensor->shape, tensors[i].shape, sizeof tensor->shape);
        assert_int_equal(tensor->count, tensors[i].count);
        float copy[6] = {0};
        lw_safetensors_copy(file, tensor, copy);
        if (tensor->count) assert_memory_equal(copy, values[i], tensor->count * sizeof(float));
    }
    assert_null(lw_safetensors_find(file, "Empty"));
    assert_string_equal(lw_safetensors_metadata(file, "text"), metadata[0].value);
    assert_string_equal(lw_safetensors_metadata(file, "empty"), "");
    assert_null(lw_safetensors_metadata(file, "Text"));
    lw_safetensors_destroy(&file);
    assert_null(file);
    lw_safetensors_destroy(&file);
    lw_safetensors_destroy(NULL);
}

// The bytes on the disk, so that both sides of a mistake cannot cancel out.
static void check_layout(void **state)
{
    (void)state;
    const lw_safetensors_tensor tensor = {.name = "w", .rank = 1, .shape = {2}, .count = 2};
    const float values[2] = {1.0f, -2.0f};
    const float *const pointers[] = {values};
    const char *path = in_folder("layout.safetensors");
    assert_ok(lw_safetensors_write(path, &tensor, pointers, 1, NULL, 0));

    static const char header[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    const size_t text_bytes = sizeof header - 1, padded_bytes = (text_bytes + 7) / 8 * 8;
    assert_true(padded_bytes > text_bytes); // else the padding is not tested
    static const uint8_t data[8] = {0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0};
    uint8_t bytes[256];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof bytes, file), 8 + padded_bytes + sizeof data);
    fclose(file);
    assert_int_equal(bytes[0], padded_bytes);
    for (int i = 1; i < 8; i++) assert_int_equal(bytes[i], 0);
    assert_memory_equal(bytes + 8, header, text_bytes);
    for (size_t i = text_bytes; i < padded_bytes; i++) assert_int_equal(bytes[8 + i], ' ');
    assert_memory_equal(bytes + 8 + padded_bytes, data, sizeof data);
}

// Python refuses a file with broken text, so a stray byte of another encoding is replaced.
static void check_broken_utf8(void **state)
{
    (void)state;
    const lw_safetensors_text metadata[] = {
        {"latin", "gr\xFC\xDF"},                                // stray bytes
        {"cut", "\xE2\x82"},                                    // ends within a character
        {"overlong", "\xC0\xAF \xE0\x80\x80 \xF0\x80\x80\x80"}, // forms that UTF-8 forbids
        {"surrogate", "\xED\xA0\x80"},
        {"beyond", "\xF4\x90\x80\x80"},
        {"good", "\xC2\x80 \xED\x9F\xBF \xF4\x8F\xBF\xBF \xF0\x90\x80\x80"},
    };
    const char *path = in_folder("utf8.safetensors");
    assert_ok(lw_safetensors_write(path, NULL, NULL, 0, metadata, 6));
    lw_safetensors *file;
    assert_ok(lw_safetensors_read(&file, path));
    assert_string_equal(lw_safetensors_metadata(file, "latin"), "gr??");
    assert_string_equal(lw_safetensors_metadata(file, "cut"), "??");
    assert_string_equal(lw_safetensors_metadata(file, "overlong"), "?? ??? ????");
    assert_string_equal(lw_safetensors_metadata(file, "surrogate"), "???");
    assert_string_equal(lw_safetensors_metadata(file, "beyond"), "????");
    assert_string_equal(lw_safetensors_metadata(file, "good"), metadata[5].value);
    lw_safetensors_destroy(&file);
}

#define TENSOR(name, shape, begin, end)                                                            \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]" \
                                                                                               "}"

static void check_good_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
    } cases[] = {
        {"{}", 0},
        {"{}      ", 0},
        {"{\"__metadata__\":{}}", 0},
        {"{" TENSOR("a", "2,2", 0, 16) "}", 16},
        {"{" TENSOR("b", "1", 4, 8) "," TENSOR("a", "1", 0, 4) "}", 8}, // any order in the header
        {"{" TENSOR("a", "0", 4, 4) "," TENSOR("b", "1", 0, 4) "," TENSOR("c", "0", 0, 0) "}", 4},
        {"{" TENSOR("a", "1,1,1,1,1,1,1,1", 0, 4) "}", 4},
        {"{\"a\":{\"data_offsets\":[0,4],\"shape\":[],\"dtype\":\"F32\"}}", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_ok(parse(cases[i].header, cases[i].data_bytes));
}

static const struct {
    const char *header;
    size_t data_bytes;
    lw_status status;
    const char *parts;
} bad_headers[] = {
    // not JSON, or the wrong JSON
    {"", 0, LW_ERROR_INPUT, "x.safetensors|JSON object"},
    {"[]", 0, LW_ERROR_INPUT, "JSON object"},
    {" {}", 0, LW_ERROR_INPUT, "JSON object"},
    {"\xEF\xBB\xBF{}", 0, LW_ERROR_INPUT, "JSON object"},
    {"{", 0, LW_ERROR_INPUT, "not valid JSON near its byte"},
    {"{\"a\":}", 0, LW_ERROR_INPUT, "not valid JSON near its byte 5"},
    {"{\"1\":1,", 0, LW_ERROR_INPUT, "not valid JSON"},
    {"{}x", 0, LW_ERROR_INPUT, "not valid JSON"},
    {"{}{}", 0, LW_ERROR_INPUT, "not valid JSON"},
    {"{\"a\":\"", 0, LW_ERROR_INPUT, "not valid JSON"},
    {"{\"a\":\"\\u12", 0, LW_ERROR_INPUT, "not valid JSON"},
    // names twice
    {"{" TENSOR("a", "1", 0, 4) "," TENSOR("a", "1", 4, 8) "}", 8, LW_ERROR_INPUT,
     "two entries named 'a'"},
    {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, LW_ERROR_INPUT, "two entries named 'k'"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, LW_ERROR_INPUT, "two entries named"},
    // metadata
    {"{\"__metadata__\":[]}", 0, LW_ERROR_INPUT, "__metadata__|object of strings"},
    {"{\"__metadata__\":{\"k\":1}}", 0, LW_ERROR_INPUT, "metadata 'k'|expected a string"},
    // the entry of a tensor
    {"{\"a\":1}", 0, LW_ERROR_INPUT, "tensor 'a'|dtype, shape and data_offsets"},
    {"{\"a\":{}}", 0, LW_ERROR_INPUT, "tensor 'a'|dtype, shape and data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, LW_ERROR_INPUT, "data_offsets"},
    {"{\"a\":{\"DType\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, LW_ERROR_INPUT,
     "dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":0}}", 4, LW_ERROR_INPUT,
     "got others"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     LW_ERROR_INPUT, "got others"},
    {"{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, LW_ERROR_INPUT, "dtype"},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, LW_ERROR_UNSUPPORTED,
     "tensor 'a'|expected dtype F32, got 'F16'"},
    // shapes
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, LW_ERROR_INPUT, "shape"},
    {"{" TENSOR("a", "-1", 0, 4) "}", 4, LW_ERROR_INPUT, "tensor 'a'|whole numbers|dimension 0"},
    {"{" TENSOR("a", "1,1.5", 0, 4) "}", 4, LW_ERROR_INPUT, "whole numbers|dimension 1"},
    {"{" TENSOR("a", "\\\"1\\\"", 0, 4) "}", 4, LW_ERROR_INPUT, "not valid JSON"},
    {"{" TENSOR("a", "null", 0, 4) "}", 4, LW_ERROR_INPUT, "whole numbers"},
    {"{" TENSOR("a", "1e300", 0, 4) "}", 4, LW_ERROR_INPUT, "whole numbers"},
    {"{" TENSOR("a", "1e999", 0, 4) "}", 4, LW_ERROR_INPUT, "whole numbers"},
    {"{" TENSOR("a", "4294967296,4294967297", 0, 4) "}", 4, LW_ERROR_INPUT, "than memory can hold"},
    {"{" TENSOR("a", "4611686018427387905", 0, 4) "}", 4, LW_ERROR_INPUT, "whole numbers"},
    {"{" TENSOR("a", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, LW_ERROR_UNSUPPORTED,
     "at most 8 dimensions, got 9"},
    // offsets
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, LW_ERROR_INPUT,
     "two data offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4, LW_ERROR_INPUT,
     "two data offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,\"4\"]}}", 4, LW_ERROR_INPUT,
     "two data offsets"},
    {"{" TENSOR("a", "1", -4, 0) "}", 4, LW_ERROR_INPUT, "two data offsets"},
    {"{" TENSOR("a", "1", 4, 0) "}", 4, LW_ERROR_INPUT, "within the 4 bytes of data, got 4 to 0"},
    {"{" TENSOR("a", "2", 0, 8) "}", 4, LW_ERROR_INPUT, "within the 4 bytes of data, got 0 to 8"},
    {"{" TENSOR("a", "250000000", 0, 1000000000) "}", 4, LW_ERROR_INPUT, "within the 4 bytes"},
    {"{" TENSOR("a", "2,2", 0, 12) "}", 12, LW_ERROR_INPUT,
     "tensor 'a'|expected 16 bytes of data for its shape, got 12"},
    // places
    {"{" TENSOR("a", "2", 0, 8) "," TENSOR("b", "2", 4, 12) "}", 12, LW_ERROR_INPUT,
     "tensor 'b'|at offset 8, got 4|overlap"},
    {"{" TENSOR("a", "1", 0, 4) "," TENSOR("b", "1", 8, 12) "}", 12, LW_ERROR_INPUT,
     "tensor 'b'|at offset 4, got 8|gaps"},
    {"{" TENSOR("a", "1", 4, 8) "}", 8, LW_ERROR_INPUT, "tensor 'a'|at offset 0, got 4"},
    {"{" TENSOR("a", "1", 0, 4) "}", 8, LW_ERROR_INPUT,
     "expected 4 bytes of data for its tensors, got 8"},
    {"{}", 1, LW_ERROR_INPUT, "expected 0 bytes of data"},
    // what a message must not pass on to a terminal, and names too long for one
    {"{\"\\u001b[2J\":1}", 0, LW_ERROR_INPUT, "tensor '?[2J'"},
    {"{\"0123456789012345678901234567890123456789012345678901234567890123456789\":1}", 0,
     LW_ERROR_INPUT, "tensor '01234567|23456789...'"},
};

static void check_bad_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_headers / sizeof bad_headers[0]; i++) {
        lw_status status = parse(bad_headers[i].header, bad_headers[i].data_bytes);
        if (!failed_with(status, bad_headers[i].status, bad_headers[i].parts))
            fail_msg("header %s: expected '%s' with [%s], got '%s' with [%s]",
                     bad_headers[i].header, lw_status_name(bad_headers[i].status),
                     bad_headers[i].parts, lw_status_name(status), lw_error_message());
        assert_null(strchr(lw_error_message(), '\x1b'));
    }
}

// The length in front of the header: too short a file, a length that lies, a cap on the header.
static void check_bad_lengths(void **state)
{
    (void)state;
    static const struct {
        size_t count; // bytes of the file that are kept
        uint64_t stated_bytes;
        const char *parts;
    } cases[] = {
        {0, 0, "only 0 bytes"},
        {7, 2, "only 7 bytes"},
        {8, 2, "at most 0 bytes, got a length of 2"},
        {9, 2, "at most 1 bytes, got a length of 2"},
        {10, 3, "at most 2 bytes, got a length of 3"},
        {10, UINT64_MAX, "got a length of 18446744073709551615"},
        {10, (uint64_t)1 << 32 | 2, "got a length of 4294967298"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count;
        uint8_t *bytes = build("{}", 2, cases[i].stated_bytes, 0, &count);
        lw_safetensors *file;
        assert_failed_with(lw_safetensors_parse(&file, bytes, cases[i].count, "x.safetensors"),
                           LW_ERROR_INPUT, cases[i].parts);
        assert_null(file);
    }

    // A header that is there, but larger than any real one.
    const size_t large = ((size_t)1 << 24) + 8;
    char *header = malloc(large);
    assert_non_null(header);
    memset(header, ' ', large);
    memcpy(header, "{}", 2);
    size_t count;
    uint8_t *bytes = build(header, large, large, 0, &count);
    lw_safetensors *file;
    assert_failed_with(lw_safetensors_parse(&file, bytes, count, "x.safetensors"), LW_ERROR_INPUT,
                       "at most 16777216 bytes");
    free(header);
}

// Every prefix of a good file is refused, none crashes.
static void check_truncated(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"k\":\"v\"}," TENSOR("a", "2", 0, 8) "," TENSOR("b", "1,1", 8, 12) "}";
    size_t count;
    for (size_t kept = 0;; kept++) {
        uint8_t *bytes = build(header, sizeof header - 1, sizeof header - 1, 12, &count);
        lw_safetensors *file;
        if (kept == count) {
            assert_ok(lw_safetensors_parse(&file, bytes, kept, "x.safetensors"));
            lw_safetensors_destroy(&file);
            break;
        }
        // Shrunk for real, so that the sanitizer sees a read behind the end.
        uint8_t *shrunk = realloc(bytes, kept ? kept : 1);
        assert_failed_with(lw_safetensors_parse(&file, shrunk, kept, "x.safetensors"),
                           LW_ERROR_INPUT, "x.safetensors: ");
    }
}

// Every single-byte change of a header is either refused or still a file that holds together.
static void check_damaged(void **state)
{
    (void)state;
    static const char header[] = "{" TENSOR("a", "2", 0, 8) "," TENSOR("b", "1,1", 8, 12) "}";
    static const char replacements[] = {'\0', '"', '{', '}', '[', ']',  ',',
                                        ':',  '0', '9', '-', 'e', '\\', '\x80'};
    for (size_t at = 0; at < 8 + sizeof header - 1; at++)
        for (size_t k = 0; k < sizeof replacements; k++) {
            size_t count;
            uint8_t *bytes = build(header, sizeof header - 1, sizeof header - 1, 12, &count);
            bytes[at] = (uint8_t)replacements[k];
            lw_safetensors *file;
            lw_status status = lw_safetensors_parse(&file, bytes, count, "x.safetensors");
            size_t values = 0;
            for (size_t i = 0; !status && i < lw_safetensors_count(file); i++) {
                float copy[3];
                assert_true(lw_safetensors_at(file, i)->count <= 3);
                lw_safetensors_copy(file, lw_safetensors_at(file, i), copy);
                values += lw_safetensors_at(file, i)->count;
            }
            assert_true(status ? lw_error_message()[0] != '\0' : values == 3);
            lw_safetensors_destroy(&file);
        }
}

static void check_bad_paths(void **state)
{
    (void)state;
    lw_safetensors *file;
    assert_failed_with(lw_safetensors_read(&file, in_folder("absent.safetensors")),
                       LW_ERROR_NOT_FOUND, "absent.safetensors");
    assert_null(file);
    assert_failed_with(lw_safetensors_read(&file, folder), LW_ERROR_INPUT, "got a folder");
    assert_failed_with(
        lw_safetensors_write(in_folder("no/such.safetensors"), NULL, NULL, 0, NULL, 0),
        LW_ERROR_NOT_FOUND, "no/such.safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_helper_fails), cmocka_unit_test(check_round_trip),
        cmocka_unit_test(check_layout),       cmocka_unit_test(check_broken_utf8),
        cmocka_unit_test(check_good_headers), cmocka_unit_test(check_bad_headers),
        cmocka_unit_test(check_bad_lengths),  cmocka_unit_test(check_truncated),
        cmocka_unit_test(check_damaged),      cmocka_unit_test(check_bad_paths),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
