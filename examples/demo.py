"""Colorize one photograph with the weights that come with Autochrome.

    python examples/demo.py [PHOTO]

Without PHOTO it takes "camera", the black-and-white photograph that scikit-image carries. The result is
written into the folder `demo`; a photograph of yours stays where and as it is.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

RESULTS = Path("demo")


def camera_picture() -> Path:
    """Write scikit-image's camera picture (512 x 512, gray, 8 bits) to a file and return its path."""
    import skimage.data
    import skimage.io

    path = RESULTS / "camera.png"
    skimage.io.imsave(path, skimage.data.camera())
    return path


def main(arguments: list[str]) -> int:
    """Colorize the photograph named by `arguments`, or the camera picture; return the command's exit code."""
    RESULTS.mkdir(exist_ok=True)
    photo = Path(arguments[0]) if arguments else camera_picture()
    result = RESULTS / f"{photo.stem}.colorized{photo.suffix}"
    command = Path(sysconfig.get_path("scripts")) / "autochrome"
    code = subprocess.call([command, "colorize", photo, "-o", result, "--overwrite"])
    if code == 0:
        print(f"Before: {photo}\nAfter:  {result.resolve()}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
