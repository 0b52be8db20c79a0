"""One SBX agent that trains a piece each time a line arrives, and answers with its seconds."""

from __future__ import annotations

import pieces
import sbx_run


def main() -> None:
    args = pieces.parser(__doc__).parse_args()
    words = ["--algorithm", args.algorithm, "--task", args.task, "--seed", str(args.seed)]
    settings = sbx_run.parser().parse_args(words)
    for name in ("hidden", "batch", "capacity", "warmup"):
        setattr(settings, name, getattr(args, name))
    pieces.serve(pieces.model_piece(sbx_run.make(settings), args))


if __name__ == "__main__":
    main()
