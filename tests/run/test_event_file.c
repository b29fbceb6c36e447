// SPDX-License-Identifier: Apache-2.0
// Event files: read again by a reader of their own here, which checks every sum and knows of the messages
// only what their definition says.
#include "run/event_file.h"

#include "base/error.h"
#include "run/support.h"

#include <math.h>

typedef struct bytes {
    const unsigned char *at;
    size_t count;
} bytes;

static uint64_t take_fixed(bytes *from, size_t n)
{
    uint64_t value = 0;
    assert_true(from->count >= n);
    for (size_t i = 0; i < n; i++) value |= (uint64_t)from->at[i] << (8 * i);
    from->at += n;
    from->count -= n;
    return value;
}

static uint64_t take_varint(bytes *from)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(shift < 64);
        const uint64_t byte = take_fixed(from, 1);
        value |= (byte & 0x7F) << shift;
        if (byte < 0x80) return value;
    }
}

static bytes take_part(bytes *from, uint64_t count)
{
    assert_true(count <= from->count);
    const bytes part = {from->at, (size_t)count};
    from->at += count;
    from->count -= (size_t)count;
    return part;
}

// The sum without the mask.
static uint32_t unmask(uint32_t masked)
{
    const uint32_t turned = masked - 0xA282EAD8u;
    return turned << 15 | turned >> 17;
}

// The next record, with both of its sums checked.
static bytes take_record(bytes *file)
{
    const unsigned char *begin = file->at;
    const uint64_t length = take_fixed(file, 8);
    assert_int_equal(unmask((uint32_t)take_fixed(file, 4)), lw_crc32c(begin, 8));
    const bytes record = take_part(file, length);
    assert_int_equal(unmask((uint32_t)take_fixed(file, 4)), lw_crc32c(record.at, record.count));
    return record;
}

typedef struct event {
    double wall_time;
    int64_t step;
    char version[32];
    char tags[4][32];
    float values[4];
    int n;
} event;

static void read_value(bytes value, event *to)
{
    assert_true(to->n < 4);
    while (value.count > 0) {
        const uint64_t key = take_varint(&value);
        if (key == (1 << 3 | 2)) {
            const bytes tag = take_part(&value, take_varint(&value));
            snprintf(to->tags[to->n], sizeof to->tags[0], "%.*s", (int)tag.count,
                     (const char *)tag.at);
        } else {
            assert_int_equal(key, 2 << 3 | 5);
            const uint32_t bits = (uint32_t)take_fixed(&value, 4);
            memcpy(&to->values[to->n], &bits, sizeof bits);
        }
    }
    to->n++;
}

static event read_event(bytes record)
{
    event it = {.step = -1};
    while (record.count > 0) {
        const uint64_t key = take_varint(&record);
        if (key == (1 << 3 | 1)) {
            const uint64_t bits = take_fixed(&record, 8);
            memcpy(&it.wall_time, &bits, sizeof bits);
        } else if (key == (2 << 3 | 0)) {
            it.step = (int64_t)take_varint(&record);
        } else if (key == (3 << 3 | 2)) {
            const bytes text = take_part(&record, take_varint(&record));
            snprintf(it.version, sizeof it.version, "%.*s", (int)text.count, (const char *)text.at);
        } else {
            assert_int_equal(key, 5 << 3 | 2);
            bytes summary = take_part(&record, take_varint(&record));
            while (summary.count > 0) {
                assert_int_equal(take_varint(&summary), 1 << 3 | 2);
                read_value(take_part(&summary, take_varint(&summary)), &it);
            }
        }
    }
    return it;
}

// The only file of a folder.
static size_t read_only_file(const char *path, unsigned char *to, size_t capacity)
{
    char file_path[2 * path_bytes] = "";
    const struct dirent *entry;
    DIR *open = opendir(path);
    assert_non_null(open);
    while ((entry = readdir(open)))
        if (!is_dot(entry->d_name)) {
            assert_string_equal(file_path, "");
            assert_non_null(strstr(entry->d_name, "tfevents"));
            snprintf(file_path, sizeof file_path, "%.500s/%.255s", path, entry->d_name);
        }
    closedir(open);
    FILE *file = fopen(file_path, "rb");
    assert_non_null(file);
    const size_t count = fread(to, 1, capacity, file);
    fclose(file);
    return count;
}

static void the_sum_is_castagnolis(void **state)
{
    (void)state;
    const unsigned char zeros[32] = {0};
    assert_int_equal(lw_crc32c("123456789", 9), 0xE3069283);
    assert_int_equal(lw_crc32c(zeros, 32), 0x8A9136AA); // RFC 3720, B.4
    assert_int_equal(lw_crc32c("", 0), 0);
}

static void scalars_come_back(void **state)
{
    (void)state;
    lw_event_file *file;
    const char *inner = in_folder("a/run-1");
    const lw_event_scalar first[] = {
        {"loss/training", 2.5}, {"loss/validation", NAN}, {"rate", 1e-3}};
    const lw_event_scalar second[] = {{"loss/training", INFINITY}};
    const lw_event_scalar nothing[] = {{"loss/training", NAN}};
    assert_ok(lw_event_file_create(&file, inner));
    assert_ok(lw_event_file_add(file, 1, first, 3));
    assert_ok(lw_event_file_add(file, 2, nothing, 1));
    assert_ok(lw_event_file_add(file, INT64_C(5000000000), second, 1));
    lw_event_file_close(&file);
    assert_null(file);
    unsigned char content[1024];
    bytes left = {content, read_only_file(inner, content, sizeof content)};
    event it = read_event(take_record(&left));
    assert_string_equal(it.version, "brain.Event:2");
    assert_true(it.wall_time > 1.6e9);
    it = read_event(take_record(&left));
    assert_int_equal(it.step, 1);
    assert_int_equal(it.n, 2);
    assert_string_equal(it.tags[0], "loss/training");
    assert_true(fabsf(it.values[0] - 2.5f) < 1e-9f);
    assert_string_equal(it.tags[1], "rate");
    it = read_event(take_record(&left));
    assert_int_equal(it.step, 5000000000);
    assert_true(isinf(it.values[0]));
    assert_int_equal(left.count, 0);
}

static void every_run_has_a_file_of_its_own(void **state)
{
    (void)state;
    lw_event_file *files[3];
    const char *inner = in_folder("b");
    for (int i = 0; i < 3; i++) assert_ok(lw_event_file_create(&files[i], inner));
    for (int i = 0; i < 3; i++) lw_event_file_close(&files[i]);
    assert_int_equal(count_entries(inner), 3);
    lw_event_file_close(&files[0]);
}

static void folders_that_cannot_be_are_refused(void **state)
{
    (void)state;
    lw_event_file *file;
    const char *taken = in_folder("file");
    write_file(taken, "x", 1);
    assert_true(lw_event_file_create(&file, taken) != LW_OK);
    assert_non_null(strstr(lw_error_message(), taken));
    assert_null(file);
    char longest[5000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_true(lw_event_file_create(&file, longest) != LW_OK);
    assert_null(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_castagnolis),
        cmocka_unit_test(scalars_come_back),
        cmocka_unit_test(every_run_has_a_file_of_its_own),
        cmocka_unit_test(folders_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
