"""The table of files."""

from appliance.travel_document.lds.files import APPLICATION_FILES, BY_NAME, BY_TAG


def test_ok__no_two_files_share_anything():
    assert len(BY_NAME) == len(BY_TAG) == len({file.file_id for file in APPLICATION_FILES}) == 18


def test_ok__data_groups_are_numbered():
    for number in range(1, 17):
        assert BY_NAME[f"DG{number}"].file_id == 0x0100 + number
