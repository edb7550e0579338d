"""Write the model folder from a checkpoint: Hugging Face's files, weights rounded to BF16.

    python export.py DATA CHECKPOINT FOLDER
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from corpus import ASSISTANT, BEGIN, END, USER
from model import Shape
from train import BEGIN_ID, END_ID

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    f"{{% if message.role == 'user' %}}{USER}{{{{ message.content | trim }}}}"
    f"{{% elif message.role == 'assistant' %}}{ASSISTANT}{{{{ message.content | trim }}}}{{{{ eos_token }}}}"
    "{% else %}{{ raise_exception('this model knows user and assistant messages only') }}{% endif %}"
    f"{{% endfor %}}{{% if add_generation_prompt %}}{ASSISTANT}{{% endif %}}"
)


def write(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def main() -> None:
    data, checkpoint, folder = map(Path, sys.argv[1:4])
    folder.mkdir(parents=True, exist_ok=True)
    weights = torch.load(checkpoint)["model"]
    shape = replace(Shape(), vocabulary=len(weights["model.embed_tokens.weight"]))
    save_file(
        {name: value.to(torch.bfloat16).contiguous() for name, value in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    write(
        folder / "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": shape.hidden,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.kv_heads,
            "head_dim": shape.head_dim,
            "intermediate_size": shape.ffn,
            "hidden_act": "silu",
            "vocab_size": shape.vocabulary,
            "max_position_embeddings": shape.context,
            "rms_norm_eps": shape.epsilon,
            "rope_theta": shape.theta,
            "rope_scaling": None,
            "attention_bias": False,
            "mlp_bias": False,
            "tie_word_embeddings": True,
            "bos_token_id": BEGIN_ID,
            "eos_token_id": END_ID,
            "torch_dtype": "bfloat16",
        },
    )
    write(
        folder / "generation_config.json",
        {"bos_token_id": BEGIN_ID, "eos_token_id": END_ID, "do_sample": True, "temperature": 0.6, "top_p": 0.9},
    )
    write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BEGIN,
            "eos_token": END,
            "model_max_length": shape.context,
            "clean_up_tokenization_spaces": False,
            "chat_template": TEMPLATE,
        },
    )
    (folder / "tokenizer.json").write_text((data / "tokenizer.json").read_text())
    size = (folder / "model.safetensors").stat().st_size
    print(f"{sum(value.numel() for value in weights.values())} parameters, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
