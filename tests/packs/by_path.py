"""Nodes that read and write files by path, as most packs do."""

from __future__ import annotations

import os

import folder_paths


class Base:
    OUTPUT_NODE = True
    RETURN_TYPES = ()
    FUNCTION = "go"
    CATEGORY = "pack"


class PackRead(Base):
    @classmethod
    def INPUT_TYPES(cls):
        folder = folder_paths.get_input_directory()
        names = [name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name))]
        return {"required": {"file": (sorted(names), {"image_upload": True}), "how": ("STRING", {})}}

    @classmethod
    def VALIDATE_INPUTS(cls, file):
        return True if folder_paths.exists_annotated_filepath(file) else f"Invalid file: {file}"

    @classmethod
    def IS_CHANGED(cls, file, how):
        with open(folder_paths.get_annotated_filepath(file), "rb") as opened:
            return opened.read()

    def go(self, file, how):
        if how == "annotated":
            path = folder_paths.get_annotated_filepath(file)
        else:
            path = os.path.join(folder_paths.get_input_directory(), file)
        with open(path, "rb") as opened:
            return {"ui": {"text": [opened.read().decode(), os.path.basename(path)]}}


class PackWrite(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"prefix": ("STRING", {}), "text": ("STRING", {})}}

    def go(self, prefix, text):
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            prefix, folder_paths.get_output_directory()
        )
        file = f"{name}_{counter:05}_.txt"
        with open(os.path.join(folder, file), "w") as opened:
            opened.write(text)
        return {"ui": {"files": [{"filename": file, "subfolder": subfolder, "type": "output"}]}}


class PackLatest(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {})}}

    def go(self, text):
        with open(os.path.join(folder_paths.get_temp_directory(), "latest.txt"), "w") as opened:
            opened.write(text)
        return {"ui": {"files": [{"filename": "latest.txt", "subfolder": "", "type": "temp"}]}}


class PackModels(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"name": (folder_paths.get_filename_list("pack_models"),)}}

    def go(self, name):
        return {"ui": {"text": [folder_paths.get_full_path_or_raise("pack_models", name)]}}


folder_paths.add_model_folder_path("pack_models", os.path.join(folder_paths.models_dir, "pack_models"))
folder_paths.folder_names_and_paths["pack_texts"] = ([folder_paths.models_dir + "/pack_models"], {".txt"})
NODE_CLASS_MAPPINGS = {c.__name__: c for c in (PackRead, PackWrite, PackLatest, PackModels)}
