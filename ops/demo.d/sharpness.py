"""How sharp drawn images are: the mean step between neighbouring pixels. Needs Python's library alone."""
import ast, json, os, zipfile

report = open(os.environ["PRA_REPORT"], "w", buffering=1)


def tell(**line):
    print(json.dumps(line), file=report)


array = zipfile.ZipFile(os.environ["PRA_SAMPLES"]).read("arr_0.npy")  # numpy.load reads it, too
start = 10 + int.from_bytes(array[8:10], "little")
count, height, width, channels = ast.literal_eval(array[10:start].decode())["shape"]
size = height * width * channels
images = [array[start + i * size:start + (i + 1) * size] for i in range(count)]
values = [sum(abs(a - b) for a, b in zip(x, x[channels:])) / size for x in images]
for number, value in enumerate(values):
    tell(metric="image", step=number, value=value)
tell(evaluation="mean", value=sum(values) / count)
with open("sharpness.csv", "w") as table:
    table.writelines(f"{number},{value}\n" for number, value in enumerate(values))
tell(artifact="sharpness.csv")
