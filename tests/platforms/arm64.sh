#!/usr/bin/env bash
# An ARM64 Python with this package, emulated in user mode: arm64.sh WORK prints what runs a script in it.
# Needs root, a Debian system, and its package registry; changes nothing outside WORK but the installed qemu.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$1
mkdir -p "$work"
work=$(cd "$work" && pwd)
system=$work/arm64
if [ ! -e "$system/ready" ]; then
    apt-get -qq install -y qemu-user-static debootstrap >&2
    rm -rf "$system"
    debootstrap --arch=arm64 --foreign --variant=minbase --include=python3,python3-venv,ca-certificates \
        bookworm "$system" >&2
    cp "$(command -v qemu-aarch64-static)" "$system/usr/bin/"
    chroot "$system" /usr/bin/qemu-aarch64-static /bin/bash /debootstrap/debootstrap --second-stage >&2
    # Wheels for ARM64, taken by this machine's own pip.
    python3 -m pip download --quiet --disable-pip-version-check --only-binary=:all: --python-version 3.11 \
        --platform manylinux2014_aarch64 --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
        --dest "$system/wheels" numpy pillow click onnxruntime constriction >&2
    python3 -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$system/wheels" "$root" >&2
    chroot "$system" /usr/bin/qemu-aarch64-static /bin/bash -c \
        "python3 -m venv /env && /env/bin/pip install --quiet --no-index --find-links /wheels manifold-codec" >&2
    touch "$system/ready"
fi
runner=$work/arm64-python
cat > "$runner" <<RUN
#!/usr/bin/env bash
# Files outside are reached through the same paths inside.
set -euo pipefail
for path in "$root" "$work" \${ARM64_PATHS:-}; do
    mkdir -p "$system\$path"
    mountpoint -q "$system\$path" || mount --bind "\$path" "$system\$path"
done
exec chroot "$system" /usr/bin/qemu-aarch64-static /env/bin/python "\$@"
RUN
chmod +x "$runner"
echo "$runner"
