import threading
import warnings

import pytest

from busapp.engine.utils.quiet import no_warnings


def test_warnings_come_back_when_threads_have_overlapped() -> None:
    before = warnings.filters[:]
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with no_warnings():
            first_is_in.set()
            assert second_is_in.wait(10)
        first_is_out.set()

    def second() -> None:
        assert first_is_in.wait(10)
        with no_warnings():
            second_is_in.set()
            assert first_is_out.wait(10)
            warnings.warn("nobody hears this", UserWarning, stacklevel=1)

    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)


def test_warnings_come_back_after_an_error() -> None:
    before = warnings.filters[:]
    with pytest.raises(ValueError), no_warnings():
        raise ValueError
    assert warnings.filters == before
