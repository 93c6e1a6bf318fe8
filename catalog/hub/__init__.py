"""The Hugging Face Hub: which GGUF files a repository holds, and what their headers say.

`client` has the one class that asks (`Hub`), `listing` and `address` the nouns, `errors` every way
it can fail. Nothing here imports `huggingface_hub` before it is needed, and nothing downloads a
whole file.
"""
