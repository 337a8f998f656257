# One static library per folder of src/. tools/layers.txt is the only place that says who may know whom: a library is linked
# to exactly the modules on its line, and tools/layers checks that its includes agree.

function(tidegate_add_modules)
  if(TIDEGATE_FUZZ)
    add_custom_target(fuzzers)
  endif()
  file(STRINGS ${CMAKE_SOURCE_DIR}/tools/layers.txt lines REGEX "^[a-z]+:")
  set(all "")
  foreach(line ${lines})
    string(REGEX MATCH "^([a-z]+): *(.*)$" _ "${line}")
    set(module ${CMAKE_MATCH_1})
    string(REGEX REPLACE " +" ";" deps "${CMAKE_MATCH_2}")
    if(deps STREQUAL "*")
      set(deps ${all})
    endif()
    if(EXISTS ${CMAKE_SOURCE_DIR}/src/${module})
      tidegate_add_module(${module} "${deps}")
    endif()
    if(TARGET tidegate_${module})
      list(APPEND all ${module})
    endif()
  endforeach()
endfunction()

function(tidegate_add_module module deps)
  set(dir ${CMAKE_SOURCE_DIR}/src/${module})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cc)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|/main)\\.cc$")
  if(NOT sources)
    return()
  endif()
  set(target tidegate_${module})
  add_library(${target} STATIC ${sources})
  tidegate_precompile(${target})
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${target} PUBLIC Threads::Threads ${TIDEGATE_EXTERNAL_${module}})
  foreach(dep ${deps})
    if(TARGET tidegate_${dep})
      target_link_libraries(${target} PUBLIC tidegate_${dep})
    endif()
  endforeach()
  if(EXISTS ${dir}/CMakeLists.txt)  # generated sources and embedded assets
    add_subdirectory(${dir} ${CMAKE_BINARY_DIR}/src/${module})
  endif()
  if(EXISTS ${dir}/main.cc)
    add_executable(tidegate ${dir}/main.cc)
    target_link_libraries(tidegate PRIVATE ${target} tidegate_allocator)
  endif()
  if(TIDEGATE_TESTS AND tests)
    find_package(GTest REQUIRED)
    include(GoogleTest)
    add_executable(${module}_test ${tests})
    tidegate_compile_test(${module}_test)
    target_link_libraries(${module}_test PRIVATE ${target} GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_definitions(${module}_test PRIVATE TIDEGATE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                               TIDEGATE_BINARY_DIR="${CMAKE_BINARY_DIR}")
    gtest_discover_tests(${module}_test TEST_PREFIX "${module}." DISCOVERY_TIMEOUT 120
                         PROPERTIES TIMEOUT 120)
  endif()
  if(TIDEGATE_FUZZ)
    foreach(fuzzer ${fuzzers})
      get_filename_component(name ${fuzzer} NAME_WE)
      add_executable(${name} ${fuzzer})
      target_link_libraries(${name} PRIVATE ${target})
      target_link_options(${name} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${name})
    endforeach()
  endif()
endfunction()

# Embeds a file as `extern const std::string_view SYMBOL` in namespace NS, through the assembler: no generated C++ of
# many megabytes, and a rebuild when the file changes.
function(tidegate_embed target ns symbol file)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}_embedded.cc)
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT [=[
#include <cstddef>
#include <string_view>
asm(".section .rodata\n"
    ".global tidegate_embedded_@symbol@\n"
    "tidegate_embedded_@symbol@:\n"
    ".incbin \"@file@\"\n"
    ".global tidegate_embedded_@symbol@_end\n"
    "tidegate_embedded_@symbol@_end:\n"
    ".byte 0\n"
    ".previous\n");
extern "C" const char tidegate_embedded_@symbol@[];
extern "C" const char tidegate_embedded_@symbol@_end[];
namespace @ns@ {
extern const std::string_view @symbol@;
const std::string_view @symbol@{
    tidegate_embedded_@symbol@,
    static_cast<std::size_t>(tidegate_embedded_@symbol@_end - tidegate_embedded_@symbol@)};
}  // namespace @ns@
]=])
  # For the directory in which the target stands: a property set here alone would not reach it.
  set_source_files_properties(${out} TARGET_DIRECTORY ${target} PROPERTIES OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${out})
endfunction()
