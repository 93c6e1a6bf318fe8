// Hands over what llama.cpp would reserve, one buffer type at a time, without C++'s containers.
//
// The library's own function returns a map, which only C++ can read. It is declared here as
// `src/llama-ext.h` of llama.cpp (October 2026) has it, because no installed header does.

#include <cstddef>
#include <map>

struct llama_context;
struct ggml_backend_buffer_type;

struct llama_memory_breakdown_data {
    size_t model;
    size_t context;
    size_t compute;
};

std::map<ggml_backend_buffer_type *, llama_memory_breakdown_data>
llama_get_memory_breakdown(const llama_context * context);

using tell_fn = void (*)(ggml_backend_buffer_type *, size_t, size_t, size_t);

extern "C" void tell_breakdown(const llama_context * context, tell_fn tell) {
    for (const auto & [type, bytes] : llama_get_memory_breakdown(context)) {
        tell(type, bytes.model, bytes.context, bytes.compute);
    }
}
