# Compiler settings and the three helpers that every folder's CMakeLists.txt is made of.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(PLX_SANITIZE "" CACHE STRING "comma-separated sanitizers for every target")
option(PLX_FUZZ "build the libFuzzer targets (needs clang)" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

add_library(plx_flags INTERFACE)
target_compile_options(plx_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wformat=2 -Wundef -Werror
  -fno-common -fstack-protector-strong)
target_compile_definitions(plx_flags INTERFACE
  _GNU_SOURCE PLX_VERSION="${PROJECT_VERSION}" $<$<CONFIG:RelWithDebInfo>:_FORTIFY_SOURCE=2>)
# What an overflow could redirect is read-only before main begins.
target_link_options(plx_flags INTERFACE -Wl,-z,relro,-z,now)
# Functions nobody may call here; see the header for what to use instead.
target_compile_options(plx_flags INTERFACE
  -include ${PROJECT_SOURCE_DIR}/common/base/poison.h)
if(PLX_SANITIZE)
  target_compile_options(plx_flags INTERFACE
    -fsanitize=${PLX_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(plx_flags INTERFACE -fsanitize=${PLX_SANITIZE})
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# plx_library(NAME ROOT <dir> SOURCES <files…> LINKS <libs…>)
#
# A static library whose headers are reached as "<dir>/<header>.h", and only by those
# who link it: each library gets an include root of its own that holds one symlink to
# its folder, so that an upward include does not compile.
function(plx_library name)
  cmake_parse_arguments(ARG "" "ROOT" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  set(root ${CMAKE_BINARY_DIR}/include/${name})
  cmake_path(GET ARG_ROOT PARENT_PATH parent)
  file(MAKE_DIRECTORY ${root}/${parent})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${ARG_ROOT} SYMBOLIC)
  # -iquote, so that our "sys/file.h" never stands in for the system's <sys/file.h>.
  target_compile_options(${name} PUBLIC "SHELL:-iquote ${root}")
  target_link_libraries(${name} PUBLIC plx_flags ${ARG_LINKS})
endfunction()

# plx_program(NAME SOURCES <files…> LINKS <libs…>)
function(plx_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE plx_flags ${ARG_LINKS})
  install(TARGETS ${name} RUNTIME DESTINATION bin COMPONENT ${name})
endfunction()

# plx_test(NAME SOURCES <files…> LINKS <libs…>): a cmocka executable known to ctest.
function(plx_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/lib)
  target_link_libraries(${name} PRIVATE plx_flags ${ARG_LINKS} cmocka)
  add_test(NAME ${name} COMMAND ${name})
  # Only to end one that hangs: sanitized, on a busy machine, some take a minute.
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
endfunction()
