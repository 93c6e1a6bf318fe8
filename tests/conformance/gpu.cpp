// Lets the remote devices answer as a GPU would when llama.cpp asks whether they take a product over.
//
// A GPU computes large products of weights that are on the host, and holds a copy of them meanwhile;
// the remote backend leaves them to the host. This file is loaded before the libraries, and answers
// their question in their stead. Nothing is ever computed, so that the answer costs nothing.
//
// Source: llama.cpp `ggml/src/ggml-cuda/ggml-cuda.cu` (`get_op_batch_size`, October 2026).

#include "ggml-backend.h"

static bool is_gpu = false;

constexpr int64_t least_rows = 32;

extern "C" void answer_as_gpu(bool wanted) { is_gpu = wanted; }

static int64_t rows_of(const ggml_tensor * product) {
    switch (product->op) {
        case GGML_OP_GET_ROWS:
            return 0;
        case GGML_OP_MUL_MAT:
            return product->ne[1];
        case GGML_OP_MUL_MAT_ID:
        case GGML_OP_ROPE:
            return product->ne[2];
        default:
            return ggml_nrows(product);
    }
}

extern "C" bool ggml_backend_dev_offload_op(ggml_backend_dev_t, const ggml_tensor * product) {
    return is_gpu && rows_of(product) >= least_rows;
}
