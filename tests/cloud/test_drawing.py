"""Pictures are sound SVG, tell the same in words, escape what they show, and are the same each time."""

from xml.etree import ElementTree

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from cloud import BarChart, Cloud
from cloud.drawing import WIDTH, document, element, printable, shorten, text
from cloud.picture import Card, Scene, svg, words

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert('&\")</script>\x07\ud800\u202egpj.exe"


def parse(markup: str | None) -> ElementTree.Element:
    assert markup
    markup.encode()
    return ElementTree.fromstring(markup)


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def scene(*cards: Card, keys: tuple[str, ...] = (), elsewhere: str = "") -> Scene:
    return Scene(cards, "media", keys, elsewhere)


def wires(root: ElementTree.Element) -> list[str]:
    return [
        path.get("d", "") for path in root.iter(f"{SVG}path") if "stroke-linejoin" in path.get("style", "")
    ]


def story() -> list[str]:
    """Tell the story of the vanishing file, and return all that is drawn on the way."""
    drawn = []
    with Cloud(DEFAULT_STORAGE_DSN="file:///app/media/?url=%2Fmedia%2F") as cloud:
        cloud.scale(2)
        with cloud["web-1"], cloud.requests() as log:
            default_storage.save("cat.jpg", ContentFile(b"Meow"))
        drawn += [cloud._repr_svg_() or "", repr(cloud), log._repr_html_()]
        cloud.lose("web-1")
        drawn += [cloud._repr_svg_() or "", repr(cloud)]
        cloud.redeploy(DEFAULT_STORAGE_DSN=cloud.dsn)
        with cloud["web-2"], cloud.requests() as log:
            default_storage.save("cat.jpg", ContentFile(b"Meow"))
        drawn += [cloud._repr_svg_() or "", repr(cloud), log._repr_html_()]
    return drawn


def test_two_runs_draw_the_same() -> None:
    assert story() == story()


def test_the_picture_says_what_the_words_say() -> None:
    _, first, _, _, second, third_svg, third, _ = story()
    assert first == (
        "web-1, release 1: cat.jpg\n"
        "web-2, release 1: empty disk\n"
        "DEFAULT_STORAGE_DSN names each instance's own disk\n"
        "Bucket media: empty"
    )
    assert second.startswith("web-1, release 1: lost with its disk\nweb-2, release 1: empty disk\n")
    assert third == (
        "web-2, release 2: empty disk\nDEFAULT_STORAGE_DSN names the bucket\nBucket media: cat.jpg"
    )
    root = parse(third_svg)
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == "1 instance and the bucket media"
    assert root[1].tag == f"{SVG}desc"
    assert root[1].text == (
        "web-2, release 2: empty disk. DEFAULT_STORAGE_DSN names the bucket. Bucket media: cat.jpg."
    )
    assert texts(root) == [
        "DEFAULT_STORAGE_DSN", "web-2", "release 2", "disk", "empty", "bucket", "media", "cat.jpg",
    ]  # fmt: skip


def test_a_lost_instance_is_told_by_a_word_and_a_form_not_by_colour_alone() -> None:
    root = parse(svg(scene(Card("web-1", 1, None), Card("web-2", 1, ()))))
    assert texts(root)[1:3] == ["web-1", "lost"]
    box = next(rect for rect in root.iter(f"{SVG}rect") if "stroke-dasharray" in rect.get("style", ""))
    crosses = [path for path in root.iter(f"{SVG}path") if path.get("d", "").count("L") == 2]
    assert box.get("x") == "12"
    assert len(crosses) == 1
    assert root[0].text == "1 instance and the bucket media"


def test_wires_run_from_each_running_instance_if_the_deploy_uses_the_bucket() -> None:
    cards = [Card("web-1", 1, ()), Card("web-2", 1, None), Card("web-3", 1, ())]
    (path,) = wires(parse(svg(scene(*cards))))
    assert path.count("M") == 2
    assert wires(parse(svg(scene(*cards, elsewhere="each instance's own disk")))) == []
    assert wires(parse(svg(scene(Card("web-1", 1, None))))) == []
    assert "DEFAULT_STORAGE_DSN" not in texts(parse(svg(scene())))


def test_the_deploy_may_use_another_bucket() -> None:
    with Cloud() as cloud:
        cloud.start()
        cloud.redeploy(DEFAULT_STORAGE_DSN="s3://testing:testing@photos.s3.eu-central-1.amazonaws.com/")
        assert "DEFAULT_STORAGE_DSN names the other bucket photos" in repr(cloud)
        cloud.redeploy(DEFAULT_STORAGE_DSN="s3://testing:testing@media.sos-ch-dk-2.exo.io/")
        assert "DEFAULT_STORAGE_DSN names the other bucket media" in repr(cloud)
        # The same bucket, with a prefix.
        cloud.redeploy(DEFAULT_STORAGE_DSN=f"{cloud.dsn}uploads/")
        assert "DEFAULT_STORAGE_DSN names the bucket" in repr(cloud)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
def test_every_instance_is_drawn_within_the_picture(count: int) -> None:
    root = parse(svg(scene(*(Card(f"web-{number}", 1, ("cat.jpg",)) for number in range(count)))))
    _, _, width, height = map(float, root.get("viewBox", "").split())
    assert width == WIDTH
    rects = [
        [float(rect.get(name, "0")) for name in ("x", "y", "width", "height")]
        for rect in root.iter(f"{SVG}rect")
    ]
    assert len(rects) == count + 2
    assert all(x >= 0 and x + w <= width and y >= 0 and y + h <= height for x, y, w, h in rects)
    boxes = rects[1:]
    for number, (x, y, w, h) in enumerate(boxes):
        for left, top, wide, high in boxes[number + 1 :]:
            assert x + w < left or left + wide < x or y + h < top or top + high < y


def test_many_files_are_counted_and_long_names_lose_their_middle() -> None:
    names = tuple(f"{number}{'a' * 80}.jpg" for number in range(9))
    shown = scene(Card("web-1", 1, names), keys=names[:7])
    drawn = texts(parse(svg(shown)))
    assert [name for name in drawn if name.endswith(".jpg")] == [
        f"{number}aaaaaaaaaa…aaaaaaa.jpg" for number in range(6)
    ] + [f"{number}aaaaaaaaaa…aaaaaaa.jpg" for number in range(6)]
    assert [name for name in drawn if name.startswith("+")] == ["+ 3 more", "+ 1 more"]
    assert "+ 3 more\n" in words(shown)
    assert words(shown).endswith("+ 1 more")


def test_names_are_escaped() -> None:
    shown = scene(Card("web-1", 1, (EVIL,)), keys=(EVIL,))
    markup = svg(shown)
    assert "<script" not in markup
    assert printable(EVIL) in (parse(markup).findtext(f"{SVG}desc") or "")
    assert "<script>ale" in texts(parse(markup))[4]
    words(shown).encode()


def test_an_evil_file_on_a_disk_can_be_drawn() -> None:
    with Cloud() as cloud:
        (cloud.start().media / "<b>&amp;\x07.jpg").write_bytes(b"")
        cloud.client.put_object(Bucket=cloud.bucket, Key='"<i>&', Body=b"")
        assert texts(parse(cloud._repr_svg_()))[4:] == ["<b>&amp;\ufffd.jpg", "bucket", "media", '"<i>&']


def test_drawings_have_no_ids_because_a_page_may_hold_one_twice() -> None:
    for markup in (svg(scene(Card("web-1", 1, ()))), BarChart("Requests", {"a": 1}, "requests")._repr_svg_()):
        assert all("id" not in node.attrib for node in parse(markup).iter())


def test_each_colour_follows_the_theme_and_has_a_fall_back() -> None:
    chart = BarChart("Requests", {"a": 1}, "requests", second={"a": 1}, second_unit="s", note="n")
    for markup in (svg(scene(Card("a", 1, ()), Card("b", 1, None), keys=("k",))), chart._repr_svg_()):
        for node in parse(markup).iter():
            for declaration in (node.get("style") or "").split(";"):
                name, _, value = declaration.partition(":")
                if name in ("fill", "stroke"):
                    assert value == "none" or value.startswith("var(--color-")
                    assert value == "none" or ", #" in value
            assert not {"fill", "stroke"} & set(node.attrib)


def test_shorten_keeps_both_ends() -> None:
    assert shorten("photograph.jpg", 14) == "photograph.jpg"
    assert shorten("photograph.jpg", 9) == "phot….jpg"
    assert shorten("photograph.jpg", 8) == "phot…jpg"
    assert {len(shorten("x" * 50, length)) for length in (3, 4, 21)} == {3, 4, 21}


def test_markup_is_written_exactly() -> None:
    assert element("rect", x=1.005, stroke_width=2) == '<rect x="1" stroke-width="2"/>'
    assert element("a", "b", class_='"') == "<a class='\"'>b</a>"
    assert ">a &lt; b<" in text("a < b", 0, 0)
    assert parse(document(10, "<t>", "&", [])).findtext(f"{SVG}title") == "<t>"


def test_a_chart_draws_its_counts_to_scale() -> None:
    chart = BarChart(
        "Storing 1,000 lines",
        {"one file each": 1000, "half": 500, "none": 0, "one archive": 1},
        "requests",
        second={"one file each": 30, "half": 15, "none": 0, "one archive": 0.03},
        second_unit="seconds",
        note="At 30 ms for each request.",
    )
    assert repr(chart) == (
        "Storing 1,000 lines (requests; seconds)\n"
        "one file each: 1,000; 30\n"
        "half: 500; 15\n"
        "none: 0; 0\n"
        "one archive: 1; 0.03\n"
        "At 30 ms for each request."
    )
    root = parse(chart._repr_svg_())
    assert root[0].text == "Storing 1,000 lines"
    assert (root[1].text or "").startswith(
        "Storing 1,000 lines (requests; seconds). one file each: 1,000; 30. "
    )
    # Behind the card's own and those of the legend.
    bars = [float(rect.get("width", "0")) for rect in list(root.iter(f"{SVG}rect"))[3:]]
    longest = bars[0]
    assert bars == [longest, longest, longest / 2, longest / 2, 2, 2]
    assert {"1,000", "30", "0.03", "seconds", "At 30 ms for each request."} <= set(texts(root))
    assert longest > WIDTH / 2


def test_a_chart_of_nothing_but_zeros_can_be_drawn() -> None:
    root = parse(BarChart("Requests", {"url": 0}, "requests")._repr_svg_())
    assert texts(root) == ["Requests", "requests", "url", "0"]


def test_a_chart_refuses_what_it_cannot_draw() -> None:
    with pytest.raises(ValueError, match=r'^The chart "Requests" has no values. Give a number'):
        BarChart("Requests", {}, "requests")
    with pytest.raises(ValueError, match=r'^The two series of the chart "Requests" have different labels'):
        BarChart("Requests", {"a": 1}, "requests", second={"b": 1})
    for value in (-1, float("nan"), float("inf")):
        with pytest.raises(
            ValueError, match=r'^The value of "a" in the chart "Requests" is .*from 0 upwards'
        ):
            BarChart("Requests", {"a": value}, "requests")
