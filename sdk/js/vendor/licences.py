"""Name, version, licence and its texts of every crate that is compiled into what stands here."""

import json
import pathlib
import subprocess
import sys

metadata = json.loads(
    subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", sys.argv[1]],
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}

# What runs while it is built (macros, build scripts) is not in it.
def is_macro(package):
    return any("proc-macro" in target["kind"] for target in package["targets"])


found, open_ = set(), list(metadata["workspace_members"])
while open_:
    one = open_.pop()
    if one in found or is_macro(packages[one]):
        continue
    found.add(one)
    for dependency in nodes[one]["deps"]:
        if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
            open_.append(dependency["pkg"])

# Texts that crates leave out of their packages, by the beginning of their names: oxc's is that of the npm package oxc-parser.
left_out = {"oxc_": pathlib.Path(__file__).parent / "texts" / "oxc"}

texts = {}
print("What engine.wasm and compiler.wasm are made of, beside Youji's own sources, Rust's standard library (MIT OR Apache-2.0)")
print("and its allocator dlmalloc. Texts that several have stand once, below.\n")
for package in sorted((packages[one] for one in found - set(metadata["workspace_members"])), key=lambda one: (one["name"], one["version"])):
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and file.name.upper().split(".")[0].split("-")[0].split("_")[0] in ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")
    )
    files = files or [text for start, text in left_out.items() if package["name"].startswith(start)]
    numbers = []
    for file in files:
        text = "\n".join(line.rstrip() for line in file.read_text(encoding="utf-8").strip().splitlines())
        numbers.append(str(texts.setdefault(text, len(texts) + 1)))
    by = f", by {', '.join(package['authors'])}" if package["authors"] else ""
    if numbers:
        where = "text " + ", ".join(numbers)
    elif "Unlicense" in package["license"].split(" OR "):
        where = "taken under the Unlicense, which asks for none"
    else:
        sys.exit(f"{package['name']} has no text of its licence ({package['license']}) in its package: put it into texts/")
    print(f"{package['name']} {package['version']}: {package['license']}{by}; {where}")
for text, number in sorted(texts.items(), key=lambda item: item[1]):
    print(f"\n\n==== text {number}\n\n{text}")
