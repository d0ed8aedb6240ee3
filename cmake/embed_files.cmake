# cmake -DFOLDER=<…/dist> -DOUT=<file.c> -P embed_files.cmake
#
# Turns every file of FOLDER into a C array, with its name (coordinator/http/files.h).
file(GLOB files ${FOLDER}/*)
list(SORT files)
set(text "/* Made from the dashboard's built files at build time. */\n")
string(APPEND text "#include \"coordinator/http/files.h\"\n\n")
set(n 0)
foreach(file IN LISTS files)
  cmake_path(GET file FILENAME name)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND text "static const unsigned char file_${n}[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${name}\", file_${n}, sizeof file_${n} - 1},\n")
  math(EXPR n "${n} + 1")
endforeach()
string(APPEND text "\nconst struct plx_embedded plx_embedded_files[] = {\n${rows}};\n")
string(APPEND text "const size_t plx_n_embedded_files = ${n};\n")
file(WRITE ${OUT} "${text}")
