#!/usr/bin/env bash
# An ARM64 Python with this package, emulated in user mode: arm64.sh WORK prints what runs a script in it.
# Needs a Debian system, its package registry, and root to install qemu and debootstrap where they are missing.
# Nothing of the system is entered: one emulated process reads an unpacked one, so that no kernel support is needed.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)
system=$work/arm64
site=$work/arm64-site
if [ ! -e "$site/ready" ]; then
    for tool in qemu-aarch64-static debootstrap; do
        command -v $tool > /dev/null || apt-get -qq install -y qemu-user-static debootstrap >&2
    done
    rm -rf "$system" "$site"
    debootstrap --arch=arm64 --download-only --variant=minbase --include=python3 bookworm "$work/arm64-packages" >&2
    mkdir -p "$system" "$site"
    for package in "$work"/arm64-packages/var/cache/apt/archives/*.deb; do
        dpkg-deb --extract "$package" "$system"
    done
    # ONNX Runtime asks the system what processor it has; the host's answer would make it crash.
    mkdir -p "$system/proc"
    for processor in 0 1; do
        printf '%s\t: %s\n' processor $processor Features 'fp asimd evtstrm crc32 cpuid' 'CPU implementer' 0x41 \
            'CPU architecture' 8 'CPU variant' 0x0 'CPU part' 0xd08 'CPU revision' 3
        echo
    done > "$system/proc/cpuinfo"
    # By name, because pip would evaluate the package's own conditions for the machine that it runs on.
    python3 -m pip install --quiet --disable-pip-version-check --target "$site" --only-binary=:all: \
        --python-version 3.11 --implementation cp --platform manylinux2014_aarch64 \
        --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 numpy pillow click onnxruntime >&2
    python3 -m pip install --quiet --disable-pip-version-check --target "$site" --no-deps "$root" >&2
    touch "$site/ready"
fi
runner=$work/arm64-python
cat > "$runner" <<RUN
#!/usr/bin/env bash
export PYTHONPATH=$site
exec qemu-aarch64-static -cpu cortex-a72 -L "$system" "$system/usr/bin/python3.11" "\$@"
RUN
chmod +x "$runner"
echo "$runner"
