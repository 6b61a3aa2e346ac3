import csv
import gzip

from runcard.data.textfile import BadByte, RaggedRow, find_bad_byte, find_open_quote, find_ragged_row


def test_bad_byte_is_found_in_plain_and_packed_files(tmp_path):
    content = "é\n\nab".encode() + b"\xff" + b"cd\n"
    (tmp_path / "a.csv").write_bytes(content)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))

    expected = BadByte(line=3, offset=6, value=0xFF, likely="WINDOWS-1252")
    assert find_bad_byte(tmp_path / "a.csv") == expected
    assert find_bad_byte(tmp_path / "a.csv.gz") == expected


def test_utf8_has_no_bad_byte(tmp_path):
    (tmp_path / "a.csv").write_text("é,€,😀\n1,2,3\n", encoding="utf-8")

    assert find_bad_byte(tmp_path / "a.csv") is None


def test_ragged_row_counts_lines_not_rows(tmp_path):
    (tmp_path / "a.tsv").write_text('a\tb\n"x\ny"\t1\n\n2\n' + "3\t" * 99)

    assert find_ragged_row(tmp_path / "a.tsv", "\t") == RaggedRow(line=5, n_lines=1, n_values=1, n_names=2, text="2")


def test_long_rows_are_shown_in_part(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n" + "x" * 100 + "\n")

    row = find_ragged_row(tmp_path / "a.csv", ",")

    assert row is not None
    assert row.text == "x" * 60 + "..."


def test_even_rows(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")

    assert find_ragged_row(tmp_path / "a.csv", ",") is None


def test_open_quote(tmp_path):
    (tmp_path / "open.csv").write_text('a,b\n1,"say ""hi"""\n2,"y\n3,z\n')
    (tmp_path / "reopened.csv").write_text('a,b\n1,"x\n2,"y"\n')
    (tmp_path / "closed.csv").write_text('a,b\n1,"say ""hi"""\n2,"y\n3"\n')
    (tmp_path / "inches.csv").write_text('a,b\n1,5" pipe\n2,"y\n3"\n')

    assert find_open_quote(tmp_path / "open.csv", ",") == 3
    assert find_open_quote(tmp_path / "reopened.csv", ",") == 2
    assert find_open_quote(tmp_path / "closed.csv", ",") is None
    assert find_open_quote(tmp_path / "inches.csv", ",") is None


def test_the_limit_of_the_csv_module_is_put_back(tmp_path):
    before = csv.field_size_limit()
    (tmp_path / "a.csv").write_text('a,b\n1,"' + "x" * (before + 1) + "\n")

    assert find_open_quote(tmp_path / "a.csv", ",") == 2
    assert csv.field_size_limit() == before
