// Arguments of JavaScript to those of C, each checked: a wrong type throws and never misreads memory.

#include "binding.h"

#include <string.h>

enum { MESSAGE_ROOM = 160, PATH_NAME = 107, ABSTRACT_NAME = 108 };

#define SAFE_INTEGER 9007199254740991.0

static char *append(char *to, const char *end, const char *text) {
    while (*text != 0 && to < end - 1) *to++ = *text++;
    *to = 0;
    return to;
}

napi_value refuse(struct call *call, size_t index, const char *must, bool range) {
    bool pending = false;
    napi_is_exception_pending(call->env, &pending);
    if (pending) return NULL;
    char message[MESSAGE_ROOM];
    const char *end = message + sizeof message;
    char number[2] = {(char)('1' + index), 0};
    char *to = append(message, end, "sluice core: ");
    to = append(to, end, call->name);
    to = append(to, end, ": argument ");
    to = append(to, end, number);
    to = append(to, end, " must be ");
    append(to, end, must);
    if (range) {
        napi_throw_range_error(call->env, "ERR_OUT_OF_RANGE", message);
    } else {
        napi_throw_type_error(call->env, "ERR_INVALID_ARG_TYPE", message);
    }
    return NULL;
}

static bool wrong(struct call *call, size_t index, const char *must, bool range) {
    return refuse(call, index, must, range) != NULL;
}

bool take_integer(struct call *call, size_t index, double low, double high, const char *must, int64_t *out) {
    double number;
    if (napi_get_value_double(call->env, call->values[index], &number) != napi_ok) return wrong(call, index, must, false);
    // The comparison is false for NaN too.
    if (!(number >= low && number <= high)) return wrong(call, index, must, true);
    *out = (int64_t)number;
    return (double)*out == number || wrong(call, index, must, true);
}

static bool take_boolean(struct call *call, size_t index, int64_t *out) {
    bool value;
    if (napi_get_value_bool(call->env, call->values[index], &value) != napi_ok) return wrong(call, index, "a boolean", false);
    *out = value;
    return true;
}

static bool is_undefined(struct call *call, size_t index) {
    napi_valuetype type;
    return napi_typeof(call->env, call->values[index], &type) == napi_ok && type == napi_undefined;
}

bool take_array_of(napi_env env, napi_value value, napi_typedarray_type wanted, struct argument *out) {
    napi_typedarray_type type;
    void *data;
    if (napi_get_typedarray_info(env, value, &type, &out->length, &data, NULL, NULL) != napi_ok) return false;
    static uint8_t nothing[8];
    // An empty or detached array may have no address; NULL means "not given" here.
    out->data = data == NULL ? nothing : data;
    return type == wanted;
}

static bool take_array(struct call *call, size_t index, napi_typedarray_type type, const char *must, struct argument *out) {
    return take_array_of(call->env, call->values[index], type, out) || wrong(call, index, must, false);
}

// A path or name: UTF-8 without NUL, which would silently cut it.
static bool take_text(struct call *call, size_t index, struct argument *out) {
    size_t length;
    if (napi_get_value_string_utf8(call->env, call->values[index], NULL, 0, &length) != napi_ok) {
        return wrong(call, index, "a string", false);
    }
    if (length >= PATH_ROOM) return wrong(call, index, "shorter than 4096 bytes (PATH_MAX)", true);
    napi_get_value_string_utf8(call->env, call->values[index], call->text, PATH_ROOM, &length);
    if (length == 0 || strlen(call->text) != length) return wrong(call, index, "a string of 1 byte or more, none of them NUL", true);
    out->data = (uint8_t *)call->text;
    out->length = length;
    return true;
}

static bool take_socket_name(struct call *call, size_t index, struct argument *out) {
    if (!take_array(call, index, napi_uint8_array, "a Uint8Array", out)) return false;
    if (out->length == 0) return wrong(call, index, "at least one byte long", true);
    if (out->data[0] == 0) return out->length <= ABSTRACT_NAME || wrong(call, index, "at most 108 bytes long when abstract", true);
    if (out->length > PATH_NAME) return wrong(call, index, "at most 107 bytes long when a path", true);
    return memchr(out->data, 0, out->length) == NULL || wrong(call, index, "a path without NUL", true);
}

// An endpoint of the network (see ENDPOINT_BYTES); one that is to be written (`given` false) only needs the room.
static bool take_endpoint(struct call *call, size_t index, bool given, struct argument *out) {
    if (!take_array(call, index, napi_uint8_array, "a Uint8Array", out)) return false;
    if (out->length < ENDPOINT_BYTES) return wrong(call, index, "an endpoint, 24 bytes long", true);
    return !given || out->data[0] == 4 || out->data[0] == 6 || wrong(call, index, "an endpoint of family 4 or 6", true);
}

// `buffer, offset, length`: the bytes they mean, which lie within the buffer.
static bool take_part(struct call *call, size_t index, struct argument *out) {
    int64_t offset, length;
    if (!take_array(call, index, napi_uint8_array, "a Uint8Array", out)) return false;
    if (!take_integer(call, index + 1, 0, (double)out->length, "an offset within the buffer", &offset)) return false;
    double rest = (double)(out->length - (size_t)offset);
    if (!take_integer(call, index + 2, 0, rest, "a length that ends within the buffer", &length)) return false;
    out->data += offset;
    out->length = (size_t)length;
    return true;
}

// `words, index`: an aligned word of shared memory.
static bool take_word(struct call *call, size_t index, struct argument *out) {
    int64_t place;
    if (!take_array(call, index, napi_int32_array, "an Int32Array", out)) return false;
    if (!take_integer(call, index + 1, 0, (double)out->length - 1, "an index within the array", &place)) return false;
    out->data += (size_t)place * sizeof(int32_t);
    return true;
}

static bool take_lock_kind(struct call *call, size_t index, struct argument *out) {
    if (!take_text(call, index, out)) return false;
    out->number = strcmp(call->text, "exclusive") == 0;
    return out->number || strcmp(call->text, "shared") == 0 || wrong(call, index, "\"exclusive\" or \"shared\"", true);
}

// One letter a JavaScript argument. A typed array's letter may be followed by a digit: how many elements it must have at least.
bool take_arguments(struct call *call, const char *letters) {
    size_t index = 0;
    for (const char *letter = letters; *letter != 0; letter++, index++) {
        struct argument *out = &call->arguments[index];
        bool fine = true;
        switch (*letter) {
        case 'f': fine = take_integer(call, index, 0, INT32_MAX, "a descriptor, an integer of 0 or more", &out->number); break;
        case 'i': fine = take_integer(call, index, INT32_MIN, INT32_MAX, "a 32-bit integer", &out->number); break;
        case 'u': fine = take_integer(call, index, 0, UINT32_MAX, "an integer from 0 to 4294967295", &out->number); break;
        case 'n': fine = take_integer(call, index, 0, SAFE_INTEGER, "an integer from 0 to 2 ** 53 - 1", &out->number); break;
        case 'b': fine = take_boolean(call, index, &out->number); break;
        case 's': fine = take_text(call, index, out); break;
        case 'k': fine = take_lock_kind(call, index, out); break;
        case 'a': fine = take_socket_name(call, index, out); break;
        case 'A': fine = is_undefined(call, index) || take_socket_name(call, index, out); break;
        case 'e': fine = take_endpoint(call, index, true, out); break;
        case 'E': fine = take_endpoint(call, index, false, out); break;
        case 'B': fine = take_array(call, index, napi_uint8_array, "a Uint8Array", out); break;
        case 'O': fine = is_undefined(call, index) || take_array(call, index, napi_uint8_array, "a Uint8Array or undefined", out); break;
        case 'I': fine = take_array(call, index, napi_int32_array, "an Int32Array", out); break;
        case 'J': fine = is_undefined(call, index) || take_array(call, index, napi_int32_array, "an Int32Array or undefined", out); break;
        case 'L': fine = take_array(call, index, napi_bigint64_array, "a BigInt64Array", out); break;
        case 'R': fine = take_part(call, index, out); index += 2; break;
        case 'w': fine = take_word(call, index, out); index += 1; break;
        case 'V': // an optional int32; `length` tells whether it was given
            out->length = !is_undefined(call, index);
            if (out->length > 0) fine = take_integer(call, index, INT32_MIN, INT32_MAX, "a 32-bit integer or undefined", &out->number);
            break;
        case '-': break; // taken by the function itself
        default: fine = wrong(call, index, "of a kind that this table knows", false);
        }
        if (!fine) return false;
        if (letter[1] >= '0' && letter[1] <= '9') {
            letter++;
            if (out->length < (size_t)(*letter - '0')) return wrong(call, index, "a longer array", true);
        }
    }
    return true;
}

void *take_tagged(struct call *call, size_t index, const napi_type_tag *tag, const char *must) {
    napi_value value = call->values[index];
    napi_valuetype type;
    bool ours = false;
    void *data = NULL;
    // The type first: looking for a tag would turn a primitive into an object, or throw an error of its own.
    bool fine = napi_typeof(call->env, value, &type) == napi_ok && type == napi_object &&
                napi_check_object_type_tag(call->env, value, tag, &ours) == napi_ok && ours &&
                napi_unwrap(call->env, value, &data) == napi_ok;
    if (!fine) refuse(call, index, must, false);
    return fine ? data : NULL;
}

napi_value number_of(napi_env env, int64_t number) {
    napi_value value = NULL;
    if (number >= INT32_MIN && number <= INT32_MAX) {
        napi_create_int32(env, (int32_t)number, &value);
    } else {
        napi_create_int64(env, number, &value);
    }
    return value;
}
