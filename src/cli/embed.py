# SPDX-License-Identifier: MIT
# embed.py INPUT OUTPUT NAME: writes a C file with the text of INPUT as the string NAME.
import sys

source, output, name = sys.argv[1:]
with open(source) as stream:
    lines = stream.read().split("\n")[:-1]
quoted = ['    "' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"' for line in lines]
with open(output, "w") as stream:
    stream.write("extern const char %s[];\nconst char %s[] =\n%s;\n" % (name, name, "\n".join(quoted)))
