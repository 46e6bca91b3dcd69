"""What node classes know of the host they run on.

ComfyUI's convention makes INPUT_TYPES a class method without arguments, so what it lists has to be found from the class
alone: there is one environment per worker, set before any node class is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.executor.embeddings import Embeddings
from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.model_folders import ModelFolders
from services.executor.previews.choice import USUAL, PreviewSettings
from services.executor.previews.previewers import Previewers
from services.graph.input_lists import InputList


class Environment:
    """The models, the input pictures and the device of this worker.

    What is listed is a snapshot, since INPUT_TYPES is asked for every node of every prompt; `refresh` takes a new one.
    """

    def __init__(
        self,
        models: ModelFolders,
        list_inputs: Callable[[], Sequence[str]] = lambda: (),
        device: str = "cpu",
        list_inputs_below: Callable[[str], Sequence[str]] = lambda folder: (),
        list_input_folders: Callable[[], Sequence[str]] = lambda: (),
        previews: PreviewSettings = USUAL,
    ) -> None:
        self.models = models
        self.device = device
        self.checkpoints = LoadedCheckpoints(Embeddings(models))
        self.previews = Previewers(models, previews)
        self._list_inputs = list_inputs
        self._list_inputs_below = list_inputs_below
        self._list_input_folders = list_input_folders
        self._model_names: dict[str, list[str]] = {}
        self._input_names: list[str] = []
        self._names_below: dict[str, list[str]] = {}
        self._input_folders: list[str] | None = None

    def model_names(self, folder: str) -> list[str]:
        """The models of a folder, as of the latest refresh."""
        if folder not in self._model_names:
            self._model_names[folder] = self.models.names(folder)
        return list(self._model_names[folder])

    def input_names(self) -> list[str]:
        """The files at the top of the input folder, as of the latest refresh."""
        return list(self._input_names)

    def input_names_below(self, folder: str) -> list[str]:
        """The files in a folder of the input folder and in folders in it, with their whole names, as of the latest
        refresh; none before the first one after it was asked for."""
        return list(self._names_below.setdefault(folder, []))

    def input_folders(self) -> list[str]:
        """The folders at the top of the input folder, as of the latest refresh; none before the first one after they
        were asked for."""
        if self._input_folders is None:
            self._input_folders = []
        return list(self._input_folders)

    def offered(self, wanted: InputList) -> list[str]:
        """Input files or folders to choose from, as of the latest refresh."""
        if wanted.folders:
            return sorted({*wanted.folders, *self.input_folders()})
        return wanted.choices(self.input_names_below(wanted.below) if wanted.below else self.input_names())

    def let_go(self) -> None:
        """Unmap models that nothing else holds."""
        self.checkpoints.unload()
        self.previews.unload()

    def refresh(self) -> bool:
        """Look again at everything that was asked for; returns whether anything is different."""
        self.models.refresh()
        models = {folder: self.models.names(folder) for folder in self._model_names}
        inputs = sorted(self._list_inputs())
        below = {folder: sorted(self._list_inputs_below(folder)) for folder in self._names_below}
        folders = None if self._input_folders is None else sorted(self._list_input_folders())
        found = models, inputs, below, folders
        changed = found != (self._model_names, self._input_names, self._names_below, self._input_folders)
        self._model_names, self._input_names, self._names_below, self._input_folders = found
        return changed


_environment = Environment(ModelFolders(()))


def install(environment: Environment) -> None:
    """Make this the environment of the process."""
    global _environment
    _environment = environment


def environment() -> Environment:
    """The environment of the process; an empty one until `install`."""
    return _environment
