# Precompiled headers: the standard library, and for tests GoogleTest, are parsed once and not 500 times. Without them,
# and with tests optimized as the program is, a clean build takes twice as long.
#
# Only with g++, and not for what ships: the clang preset and the optimized build compile without, so that a file which
# does not include what it uses is found.

option(TIDEGATE_PRECOMPILED "use precompiled headers" ON)
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL GNU OR TIDEGATE_PROFILE)
  set(TIDEGATE_PRECOMPILED OFF)
endif()
# No larger than this: loading one costs time as well, and Asio in it costs the files that do without more than it saves.
set(TIDEGATE_PRECOMPILED_HEADERS <algorithm> <array> <atomic> <charconv> <chrono> <functional> <map> <memory> <optional>
                                 <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>)
# A test's own code runs a few times; what it tests is optimized.
set(TIDEGATE_TEST_OPTIONS -O0 -U_FORTIFY_SOURCE)

function(tidegate_add_precompiled target)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${target}.cc CONTENT "")
  add_library(${target} OBJECT ${CMAKE_BINARY_DIR}/${target}.cc)
endfunction()

if(TIDEGATE_PRECOMPILED)
  tidegate_add_precompiled(tidegate_precompiled)
  target_precompile_headers(tidegate_precompiled PRIVATE ${TIDEGATE_PRECOMPILED_HEADERS})
  if(TIDEGATE_TESTS)
    find_package(GTest REQUIRED)
    tidegate_add_precompiled(tidegate_test_precompiled)
    target_link_libraries(tidegate_test_precompiled PRIVATE GTest::gtest)
    target_compile_options(tidegate_test_precompiled PRIVATE ${TIDEGATE_TEST_OPTIONS})
    target_precompile_headers(tidegate_test_precompiled PRIVATE ${TIDEGATE_PRECOMPILED_HEADERS} <gtest/gtest.h>)
  endif()
endif()

# tidegate_precompile(TARGET): for a library or a program.
function(tidegate_precompile target)
  if(TIDEGATE_PRECOMPILED)
    target_precompile_headers(${target} REUSE_FROM tidegate_precompiled)
  endif()
endfunction()

# tidegate_compile_test(TARGET): for a program of tests.
function(tidegate_compile_test target)
  target_compile_options(${target} PRIVATE ${TIDEGATE_TEST_OPTIONS})
  if(TIDEGATE_PRECOMPILED)
    target_precompile_headers(${target} REUSE_FROM tidegate_test_precompiled)
  endif()
endfunction()
