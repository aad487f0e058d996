import pytest

from enas_tf import errors
from enas_tf.runs import assembly, of_arc
from tests.runs import context, language

SMALL = dict(
  data="digits",
  evaluator="from_scratch",
  child_num_cells=1,
  child_ops=("identity", "conv_1x1"),
  final_num_layers=1,
  final_out_filters=2,
  search_settings={
    "final_out_filters": [2, 4],
    "normalize": [True, False],
    "final_batch_size": [100, 200],
  },
)
ARC = "0 1 0 1 0 1 0 1 final_out_filters=4 normalize=false final_batch_size=100"


def images(**changed):
  return assembly.Assembly(context.experiment(**SMALL | changed))


def test_parts_are_those_of_the_arcs_settings_and_share_the_data():
  built = images()
  own = of_arc.parts(built, arc := built.final_space.parse(ARC))
  assert own.experiment.final.out_filters == 4
  assert built.experiment.final.out_filters == 2
  assert own.task.searched.mean.tolist() == [0.0]
  assert built.task.searched.mean.tolist() != [0.0]
  assert own.task.searched.test is built.task.searched.test
  assert own.task is of_arc.parts(built, arc).task
  structure = of_arc.structure(arc)
  assert str(structure) == "0 1 0 1 0 1 0 1"
  size = own.parts.child_size(structure).parameters
  assert size > built.parts.child_size(structure).parameters
  assert own.space == built.parts.space  # Its arc is a structure.


def test_the_parts_of_a_structure_are_those_of_the_run():
  built = images(search_settings={})
  arc = built.final_space.parse("0 1 0 1 0 1 0 1")
  assert of_arc.parts(built, arc) is built
  assert of_arc.structure(arc) is arc


def test_a_program_can_name_an_arc_with_settings_in_any_run(tmp_path):
  built = images(search_settings={})
  arc = built.parsed(f"{ARC} final_mixup=0.25")
  assert arc.settings["final_mixup"] == 0.25
  assert of_arc.parts(built, arc).experiment.final.mixup == 0.25
  assert str(built.parsed([0, 1, 0, 1, 0, 1, 0, 1])) == "0 1 0 1 0 1 0 1"


def test_a_compiled_child_has_the_settings_of_its_arc():
  built = images()
  child = built.compiled_child(built.parsed(ARC))
  expected = of_arc.parts(built, built.parsed(ARC)).compiled_child(
    built.parts.final_space.parse("0 1 0 1 0 1 0 1")
  )
  assert child.count_params() == expected.count_params()
  other = built.parsed(ARC.replace("filters=4", "filters=2"))
  assert built.compiled_child(other).count_params() < child.count_params()


@pytest.mark.parametrize(
  ("ranges", "words"),
  [
    ("final_batch_size=100|5000", "lower.*batch_size=5000"),
    ("final_cutout_size=4|9", "lower.*child_cutout_size=9"),
    ("final_out_filters=2|16384,final_num_layers=1|900", "GiB of memory"),
  ],
)
def test_values_that_do_not_fit_are_refused_before_any_child(ranges, words):
  built = images(search_settings=ranges)
  with pytest.raises(errors.ConfigError, match=words):
    of_arc.check(built)


def test_a_divergence_says_where_settings_of_the_arc_are_changed():
  built = images()
  arc = built.final_space.parse(ARC)
  with (
    pytest.raises(errors.DivergenceError, match="give it as `child_fixed_arc`"),
    of_arc.explained(arc),
  ):
    raise errors.DivergenceError("Lower `child_lr_max`.")
  with (
    pytest.raises(errors.DivergenceError, match="^Lower `child_lr_max`.$"),
    of_arc.explained(of_arc.structure(arc)),
  ):
    raise errors.DivergenceError("Lower `child_lr_max`.")


def test_values_that_fit_are_not_refused():
  of_arc.check(images())
  of_arc.check(images(search_settings={}))


def test_a_language_model_has_the_settings_of_its_arc():
  built = assembly.Assembly(
    language.experiment(
      evaluator="from_scratch",
      search_settings={
        "final_hidden_size": [8, 16],
        "final_optimizer": "sgd|adam",
      },
    )
  )
  arc = built.final_space.decode(
    [0] * built.parts.final_space.num_decisions + [1, 1]
  )
  own = of_arc.parts(built, arc)
  assert own.experiment.final.hidden_size == 16
  assert own.experiment.final.optimizer == "adam"
  assert own.task is built.task
