"""Every sampler by its name, in the order ComfyUI lists them."""

from __future__ import annotations

from collections.abc import Mapping

from services.executor.diffusion.samplers.cfg_pp import sample_euler_ancestral_cfg_pp, sample_euler_cfg_pp
from services.executor.diffusion.samplers.contract import Sampler
from services.executor.diffusion.samplers.ddpm import sample_ddpm
from services.executor.diffusion.samplers.deis import sample_deis
from services.executor.diffusion.samplers.dpm_2 import sample_dpm_2, sample_dpm_2_ancestral
from services.executor.diffusion.samplers.dpm_solver import sample_dpm_adaptive, sample_dpm_fast
from services.executor.diffusion.samplers.dpmpp_2m import sample_dpmpp_2m, sample_dpmpp_2m_cfg_pp
from services.executor.diffusion.samplers.dpmpp_2s import sample_dpmpp_2s_ancestral, sample_dpmpp_2s_ancestral_cfg_pp
from services.executor.diffusion.samplers.dpmpp_sde import sample_dpmpp_2m_sde, sample_dpmpp_3m_sde, sample_dpmpp_sde
from services.executor.diffusion.samplers.er_sde import sample_er_sde
from services.executor.diffusion.samplers.euler import sample_euler, sample_euler_ancestral
from services.executor.diffusion.samplers.gradient_estimation import sample_gradient_estimation
from services.executor.diffusion.samplers.heun import sample_heun, sample_heunpp2
from services.executor.diffusion.samplers.ipndm import sample_ipndm, sample_ipndm_v
from services.executor.diffusion.samplers.lcm import sample_lcm
from services.executor.diffusion.samplers.lms import sample_lms
from services.executor.diffusion.samplers.res_multistep import sample_res_multistep
from services.executor.diffusion.samplers.sa_solver import sample_sa_solver
from services.executor.diffusion.samplers.seeds import sample_seeds_2, sample_seeds_3
from services.executor.diffusion.samplers.uni_pc import sample_uni_pc

ON_DEVICE = {"noise_on_device": True}
HEUN = {"solver_type": "heun"}

SAMPLERS: Mapping[str, Sampler] = {
    "euler": Sampler(sample_euler),
    "euler_cfg_pp": Sampler(sample_euler_cfg_pp),
    "euler_ancestral": Sampler(sample_euler_ancestral),
    "euler_ancestral_cfg_pp": Sampler(sample_euler_ancestral_cfg_pp),
    "heun": Sampler(sample_heun),
    "heunpp2": Sampler(sample_heunpp2),
    "dpm_2": Sampler(sample_dpm_2, discards_penultimate_sigma=True),
    "dpm_2_ancestral": Sampler(sample_dpm_2_ancestral, discards_penultimate_sigma=True),
    "lms": Sampler(sample_lms),
    "dpm_fast": Sampler(sample_dpm_fast),
    "dpm_adaptive": Sampler(sample_dpm_adaptive),
    "dpmpp_2s_ancestral": Sampler(sample_dpmpp_2s_ancestral),
    "dpmpp_2s_ancestral_cfg_pp": Sampler(sample_dpmpp_2s_ancestral_cfg_pp),
    "dpmpp_sde": Sampler(sample_dpmpp_sde),
    "dpmpp_sde_gpu": Sampler(sample_dpmpp_sde, ON_DEVICE),
    "dpmpp_2m": Sampler(sample_dpmpp_2m),
    "dpmpp_2m_cfg_pp": Sampler(sample_dpmpp_2m_cfg_pp),
    "dpmpp_2m_sde": Sampler(sample_dpmpp_2m_sde),
    "dpmpp_2m_sde_gpu": Sampler(sample_dpmpp_2m_sde, ON_DEVICE),
    "dpmpp_2m_sde_heun": Sampler(sample_dpmpp_2m_sde, HEUN),
    "dpmpp_2m_sde_heun_gpu": Sampler(sample_dpmpp_2m_sde, HEUN | ON_DEVICE),
    "dpmpp_3m_sde": Sampler(sample_dpmpp_3m_sde),
    "dpmpp_3m_sde_gpu": Sampler(sample_dpmpp_3m_sde, ON_DEVICE),
    "ddpm": Sampler(sample_ddpm),
    "lcm": Sampler(sample_lcm),
    "ipndm": Sampler(sample_ipndm),
    "ipndm_v": Sampler(sample_ipndm_v),
    "deis": Sampler(sample_deis),
    "res_multistep": Sampler(sample_res_multistep),
    "res_multistep_cfg_pp": Sampler(sample_res_multistep, {"cfg_pp": True}),
    "res_multistep_ancestral": Sampler(sample_res_multistep, {"eta": 1.0}),
    "res_multistep_ancestral_cfg_pp": Sampler(sample_res_multistep, {"eta": 1.0, "cfg_pp": True}),
    "gradient_estimation": Sampler(sample_gradient_estimation),
    "gradient_estimation_cfg_pp": Sampler(sample_gradient_estimation, {"cfg_pp": True}),
    "er_sde": Sampler(sample_er_sde),
    "seeds_2": Sampler(sample_seeds_2),
    "seeds_3": Sampler(sample_seeds_3),
    "sa_solver": Sampler(sample_sa_solver),
    "sa_solver_pece": Sampler(sample_sa_solver, {"use_pece": True}),
    "ddim": Sampler(sample_euler, renews_mask_noise=True),
    "uni_pc": Sampler(sample_uni_pc, discards_penultimate_sigma=True),
    "uni_pc_bh2": Sampler(sample_uni_pc, {"variant": "bh2"}, discards_penultimate_sigma=True),
}
