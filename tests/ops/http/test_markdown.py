from __future__ import annotations

import re

import pytest

from ops.http.markdown import anchor, page_of

PAGE = """# Gates: why, and what

One line
goes on, `a < b`, **bold**, [there](other.md#x).

## stand-down

| word | what |
|---|---|
| `far` | off |

- first
  and more
- second

```
ladderd <b>
```
"""


def test_headings_can_be_linked_to() -> None:
    assert re.findall('id="([^"]+)"', page_of(PAGE)) == ["gates-why-and-what", "stand-down"]
    assert anchor("Two words") == "two-words"
    assert '<h2 id="stand-down">stand-down</h2>' in page_of(PAGE)


@pytest.mark.parametrize(
    "piece",
    [
        "<title>Gates: why, and what</title>",
        '<p>One line goes on, <code>a &lt; b</code>, <b>bold</b>, <a href="other.md#x">there</a>.</p>',
        "<tr><th>word</th><th>what</th></tr>\n<tr><td><code>far</code></td><td>off</td></tr>",
        "<ul><li>first and more</li><li>second</li></ul>",
        "<pre>ladderd &lt;b&gt;</pre>",
    ],
)
def test_the_marks_that_docs_use(piece: str) -> None:
    assert piece in page_of(PAGE)


@pytest.mark.parametrize(
    "text", ["<script>x()</script>", "# <script>x()</script>", "[x](javascript:x)", '| <img src="x"> |', "- <i>"]
)
def test_text_carries_no_markup_of_its_own(text: str) -> None:
    page = page_of(text)
    assert "<script" not in page
    assert "<img" not in page
    assert "<i>" not in page
    assert 'href="javascript' not in page


def test_a_page_of_nothing_is_a_page() -> None:
    assert "<body>" in page_of("")
