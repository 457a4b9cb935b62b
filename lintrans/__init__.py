"""Large-step training dynamics of linear transformers."""
