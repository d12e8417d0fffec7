"""Pages that show images: by the element, by plain images, and both."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

import codec

pytestmark = pytest.mark.slow


def png_with_profile() -> bytes:
    """A picture with a colour profile."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()[:64, :80]).save(buffer, "PNG", icc_profile=profile)
    return buffer.getvalue()


def test_plain_images_backgrounds_and_fetch_work_with_the_service_worker(tab, address, web_root, photo):
    folder = web_root / "pictures"
    coloured = Image.open(io.BytesIO(png_with_profile()))
    profile, coded = coloured.info["icc_profile"], codec.compress(coloured, 70)
    (folder / "photo.lmc").write_bytes(photo)
    (folder / "profile.lmc").write_bytes(coded)
    (folder / "damaged.lmc").write_bytes(photo[:-5])
    (web_root / "plain.html").write_text(
        "<!doctype html><script type=module>import {register} from './src/register.js';"
        "await register(); document.body.innerHTML = '<img id=one src=pictures/photo.lmc alt=photo>"
        '<div style="width:90px;height:90px;background:url(pictures/gray.lmc)"></div>\'</script><body>'
    )
    tab.goto(f"{address}/plain.html")
    tab.wait_for_function("document.querySelector('#one')?.complete", timeout=120_000)
    assert tab.evaluate("document.querySelector('#one').naturalWidth") == 420
    fetched = tab.evaluate(
        """async () => {
          const read = async (path, headers = {}) => {
            const response = await fetch(path, { headers });
            const bytes = new Uint8Array(await response.arrayBuffer());
            return [response.status, response.headers.get('Content-Type'), Array.from(bytes)];
          };
          return [await read('pictures/photo.lmc'), await read('pictures/profile.lmc'),
                  await read('pictures/photo.lmc', { Accept: 'image/x-lmc' }), await read('pictures/damaged.lmc'),
                  await read('pictures/none.lmc')];
        }"""
    )
    (plain, with_profile, itself, damaged, missing) = fetched
    assert missing[0] == 404
    assert plain[:2] == [200, "image/png"]
    decoded = np.asarray(Image.open(io.BytesIO(bytes(plain[2]))))
    with codec.open(photo) as file:
        assert np.abs(decoded[:, :, :3].astype(int) - file.array()).max() <= 1
    assert Image.open(io.BytesIO(bytes(with_profile[2]))).info["icc_profile"] == profile
    assert itself[0] == 200 and bytes(itself[2]) == photo
    assert damaged[:2] == [422, "text/plain"] and b"TruncatedError" in bytes(damaged[2])


def test_the_element_shows_a_preview_then_the_image(tab, address, web_root, photo):
    big = codec.compress(data.astronaut(), 30)
    (web_root / "pictures" / "big.lmc").write_bytes(big)
    (web_root / "pictures" / "bad.lmc").write_bytes(big[:-1])
    (web_root / "element.html").write_text(
        "<!doctype html><script type=module src=src/element.js></script><script>window.told = [];"
        "for (const name of ['preview', 'load', 'error']) document.addEventListener(name, "
        "(event) => event.target.id && told.push([event.target.id, name, event.detail?.name ?? '']), true)</script>"
        "<lmc-image id=big src=pictures/big.lmc alt='An astronaut'><i>a fallback</i></lmc-image>"
        "<lmc-image id=bad src=pictures/bad.lmc alt=nothing><i>a fallback</i></lmc-image>"
        "<div style=height:9000px></div><lmc-image id=far src=pictures/big.lmc alt=far></lmc-image>"
    )
    tab.goto(f"{address}/element.html")
    tab.wait_for_function("told.filter(([, name]) => name !== 'preview').length >= 2", timeout=120_000)
    told = tab.evaluate("told")
    assert [name for who, name, _ in told if who == "big"] == ["preview", "load"]
    assert ["bad", "error", "TruncatedError"] in told
    assert not [one for one in told if one[0] == "far"]  # it is not about to be seen
    inner = "document.querySelector('#big').shadowRoot.querySelector('img')"
    assert tab.evaluate(f"[{inner}.naturalWidth, {inner}.alt]") == [512, "An astronaut"]
    assert tab.evaluate("document.querySelector('#bad').shadowRoot.querySelector('img').hasAttribute('src')") is False
    assert tab.get_by_role("img", name="An astronaut").count() == 1
    assert tab.get_by_text("a fallback").first.is_visible() is False and tab.get_by_text("a fallback").last.is_visible()
    tab.evaluate("scrollTo(0, 9000)")
    tab.wait_for_function("told.some(([who, name]) => who === 'far' && name === 'load')")


def test_the_element_follows_its_attributes(tab, address, web_root, photo):
    (web_root / "pictures" / "photo.lmc").write_bytes(photo)
    (web_root / "pictures" / "bad.lmc").write_bytes(photo[:-1])
    (web_root / "follows.html").write_text(
        "<!doctype html><script type=module src=src/element.js></script>"
        "<lmc-image loading=eager src=pictures/gray.lmc alt='what it was'></lmc-image>"
    )
    tab.goto(f"{address}/follows.html")
    image, inner = "document.querySelector('lmc-image')", "document.querySelector('lmc-image').shadowRoot.firstChild"
    tab.wait_for_function(f"{inner}.naturalWidth === 210")
    tab.evaluate(f"{image}.src = 'pictures/photo.lmc'")
    tab.wait_for_function(f"{inner}.naturalWidth === 420")
    assert tab.evaluate(f"{image}.getBoundingClientRect().width") == 420
    tab.evaluate(f"{image}.addEventListener('error', (event) => (window.told = event.detail.name))")
    assert not tab.get_by_text("what it was").is_visible()
    tab.evaluate(f"{image}.src = 'pictures/bad.lmc'")
    tab.wait_for_function("window.told === 'TruncatedError'")
    assert tab.get_by_text("what it was").is_visible()
    tab.evaluate(f"{image}.src = 'pictures/none.lmc'")
    tab.wait_for_function("window.told === 'Error'")
    tab.evaluate(f"window.gone = {image}; gone.src = 'pictures/photo.lmc'; gone.remove()")
    tab.wait_for_timeout(500)
    assert tab.evaluate("gone.shadowRoot.firstChild.hasAttribute('src')") is False
    tab.evaluate("document.body.append(gone)")
    tab.wait_for_function(f"{inner}.naturalWidth === 420")


def test_pages_that_the_service_worker_does_not_answer_for_are_told(tab, address, web_root):
    (web_root / "below").mkdir(exist_ok=True)
    (web_root / "below" / "service-worker.js").write_bytes((web_root / "service-worker.js").read_bytes())
    tab.goto(f"{address}/empty.html")
    told = tab.evaluate(
        """async () => {
          const { register } = await import("/src/register.js");
          return register("/below/service-worker.js").then(() => "", (error) => error.message);
        }"""
    )
    assert "outside of" in told


def test_the_example_shows_its_image_both_ways(tab, address):
    tab.goto(f"{address}/example/index.html")
    tab.wait_for_function("document.querySelector('#plain img')?.naturalWidth === 512")
    tab.wait_for_function("document.querySelector('lmc-image').shadowRoot.querySelector('img').naturalWidth === 512")
