"""The backend ``planted``: a respondent with a known effect, in an ordinary run."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnomon import CallFailed, Chat, Message, UsageError
from gnomon.catalogue import Catalogue
from gnomon.loading import load
from gnomon.modelname import make_backend
from gnomon.run import RunRequest, run
from gnomon.run.progress import Silent
from gnomon.store import Store


def estimates(folder: Path, measure: str, roles: dict[str, str]) -> dict[str, float]:
    catalogue = Catalogue()
    spec = load(catalogue.find_measure(measure), catalogue)
    request = RunRequest(spec=spec, roles=roles, repeats=4)
    outcome = run(request, catalogue, folder / "results.db", Silent())
    assert outcome.exit_code == 0
    with Store.open(folder / "results.db") as store:
        return {
            row.estimate.statistic: row.estimate.value
            for row in store.estimates([outcome.run_id])
            if not row.estimate.group and row.estimate.value is not None
        }


def test_a_run_finds_the_planted_association(tmp_path: Path) -> None:
    """336 trials of standard deviation 0.3 lie within 0.06 of the planted 0.4."""
    found = estimates(tmp_path, "implicit-bias", {"subject": "planted:d=0.4"})
    assert abs(found["overall"] - 0.4) < 0.06
    assert found["share-parsed"] == 1


def test_a_planted_judge_reads_planted_decisions(tmp_path: Path) -> None:
    """The judge finds in its prompt what was decided; half plus 0.3 is found within 0.07."""
    roles = {"subject": "planted:effect=0.3", "judge": "planted:judge"}
    assert abs(estimates(tmp_path, "decision-bias", roles)["overall"] - 0.8) < 0.07


def test_a_judge_who_misreads_hides_part_of_the_effect(tmp_path: Path) -> None:
    """With 25 % misread, 0.8 becomes 0.8 * 0.75 + 0.2 * 0.25 = 0.65."""
    roles = {"subject": "planted:0.3", "judge": "planted:judge?misreads=0.25"}
    assert abs(estimates(tmp_path, "decision-bias", roles)["overall"] - 0.65) < 0.08


NO_NUMBER = "; write planted:effect=0.3 for an effect of 0.3, or planted:judge for a judge of planted answers"
CAN_BE = (
    "; there are: effect (or d) and judge, and behind a question mark: errors, label_bias, misreads, "
    "noise, order_bias, refusals, seed"
)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("x", f"'x' is no number to plant{NO_NUMBER}"),
        ("jugde", f"'jugde' is no number to plant (did you mean 'judge'?){NO_NUMBER}"),
        ("d=", f"'' is no number to plant{NO_NUMBER}"),
        ("d=much", f"'much' is no number to plant{NO_NUMBER}"),
        ("d=nan", f"'nan' is no number to plant{NO_NUMBER}"),
        ("e=0.5", f"'e' is nothing that can be planted{CAN_BE}"),
        (
            "efect=0.3",
            f"'efect' is nothing that can be planted (did you mean 'effect'?){CAN_BE}",
        ),
        (
            "noise=0.3",
            "'noise' is an option, and options follow a question mark: planted:effect=0.3?noise=0.3",
        ),
        (
            "effect=0.3&noise=0.1",
            "options follow a question mark: planted:effect=0.3?noise=0.1",
        ),
    ],
)
def test_a_model_that_is_no_planting_is_refused(model: str, message: str) -> None:
    """The sentence names what is wrong and what can be planted."""
    with pytest.raises(UsageError) as refused:
        make_backend(Catalogue(), f"planted:{model}")
    assert str(refused.value) == f"the model 'planted:{model}': {message}"


def test_it_needs_to_meet_the_measure() -> None:
    """Asked without one, the call fails for good."""
    backend = make_backend(Catalogue(), "planted:d=0.5")
    with pytest.raises(CallFailed) as failed:
        backend.ask(Chat(messages=(Message("user", "?"),)))
    assert str(failed.value) == "planted answers need the measure they are for: meet(spec)"
    assert failed.value.fatal
