# cmake -DFOLDER=<…/schema> -DOUT=<file.c> -P embed_migrations.cmake
#
# Turns FOLDER/001.sql, 002.sql, … into C arrays, since C has no literal that could hold
# a file. The index is the schema's version; a number without a file is a version in which
# nothing changed.
file(GLOB files ${FOLDER}/*.sql)
list(SORT files)
set(text "/* Made from schema/NNN.sql at build time. */\n#include <stddef.h>\n\n")
string(APPEND text "extern const char *const plx_store_migrations[];\n")
string(APPEND text "extern const size_t plx_store_n_migrations;\n\n")
set(n 0)
foreach(file IN LISTS files)
  math(EXPR n "${n} + 1")
  cmake_path(GET file STEM stem)
  while(NOT stem MATCHES "^0*${n}$")
    if(n GREATER 999)
      message(FATAL_ERROR "${file}: not a migration's number")
    endif()
    string(APPEND rows "    \"\",\n")
    math(EXPR n "${n} + 1")
  endwhile()
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND text "static const char migration_${n}[] = {${bytes}0};\n")
  string(APPEND rows "    migration_${n},\n")
endforeach()
string(APPEND text "\nconst char *const plx_store_migrations[] = {\n${rows}};\n")
string(APPEND text "const size_t plx_store_n_migrations = ${n};\n")
file(WRITE ${OUT} "${text}")
