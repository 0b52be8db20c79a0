"""One process of several that train a population together: `python one_of_several.py FOLDER STOP_AT OUT`.

Stops on request at STOP_AT, if that is not 0, as a TERM to one of them would; the leading one
keeps what was learned in OUT.
"""

import os
import pickle
import signal
import sys
from pathlib import Path

from guided_rl.runtime.errors import Interrupted
from guided_rl.training.processes import is_main_process
from guided_rl.training.run import Run
from tests.training.small import SEEDS, everything, small


def main(folder: str, stop_at: str, out: str) -> None:
    def stop(progress):
        if progress.step == int(stop_at) and not is_main_process():
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        result = Run(small(seeds=SEEDS)).execute(folder, (stop,), checkpoint_seconds=1e9)
    except Interrupted:
        return
    if is_main_process():
        Path(out).write_bytes(pickle.dumps(everything(result)))


if __name__ == "__main__":
    main(*sys.argv[1:])
