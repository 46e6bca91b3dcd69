"""A Control-LoRA, as it flows between nodes: a control network that is made of the model when a run begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from torch import Tensor

from services.executor.diffusion.control import control_lora
from services.executor.patching.control.control_net import ControlNet
from services.executor.patching.model_patcher import ModelPatcher


class ControlLora(ControlNet):
    """Steers by a network that shares weights with the model.

    Attributes:
        control_weights: what the file holds.
        control_model: the network; there while sampling.
    """

    def __init__(
        self, control_weights: Mapping[str, Tensor], global_average_pooling: bool = False, **options: Any
    ) -> None:
        super().__init__(global_average_pooling=global_average_pooling, **options)
        self.control_weights = control_weights

    def copy(self) -> Self:
        """The same weights, with settings of its own."""
        c = type(self)(self.control_weights)
        self.copy_to(c)
        return c

    def pre_run(self, model: Any, percent_to_timestep_function: Callable[[float], float]) -> None:
        """Make the network of the model.

        Raises:
            ValueError: the weights are made for another family of models.
        """
        if self.control_model is None:
            weights, dtype = self.control_weights, model.manual_cast_dtype
            self.control_model = control_lora.of_model(model.diffusion_model, weights, dtype)
            ModelPatcher(self.control_model, self.load_device).load()
        super().pre_run(model, percent_to_timestep_function)

    def cleanup(self) -> None:
        """Let go of the network."""
        self.control_model = None
        super().cleanup()
