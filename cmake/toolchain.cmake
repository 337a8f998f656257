# Compiler flags, sanitizers, and the two tools that make builds quick when they are present: ccache and mold.

find_program(CCACHE ccache)
if(CCACHE)
  # What ccache asks of those who use precompiled headers: not to mind the times of the headers in one.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
  endif()
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1")
add_compile_options(-Wall -Wextra -Wconversion -Werror -fno-omit-frame-pointer)
add_compile_options(-fdebug-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # g++ 12 takes Asio's recycled coroutine frames for a mismatched delete (the pairing is right; clang agrees).
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
endif()
add_link_options(-Wl,--as-needed -Wl,-z,relro -Wl,-z,now)
if(NOT TIDEGATE_SANITIZE)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
else()
  string(REPLACE -O2 -O1 CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")  # half the time to build
  add_compile_options(-fsanitize=${TIDEGATE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TIDEGATE_SANITIZE} -fno-sanitize-recover=all)
  if(CMAKE_CXX_COMPILER_ID STREQUAL Clang AND TIDEGATE_SANITIZE MATCHES undefined)
    add_compile_options(-fno-sanitize=function)  # clang 14 cannot assemble coroutines with it
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Sanitizers add paths that g++ 12 cannot prove impossible: it then warns of Beast's and Asio's own members, and of
    # assigning a literal to a std::string (its bug 105651).
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized> $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
    if(TIDEGATE_SANITIZE MATCHES thread)
      add_compile_options(-Wno-tsan)  # Asio has one atomic_thread_fence, in its strand code, unused here
      # What a precompiled header has of the library's own code is warned of like ours.
      add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-array-bounds>)
    endif()
  endif()
endif()
if(TIDEGATE_PROFILE)  # scripts/build-optimized
  set(profile ${CMAKE_BINARY_DIR}/profile)
  if(TIDEGATE_PROFILE STREQUAL generate)
    add_compile_options(-fprofile-generate -fprofile-update=prefer-atomic -fprofile-dir=${profile})
    add_link_options(-fprofile-generate)
  else()
    # Code that the training never ran is compiled as usual, not for size.
    # Counts of a child between vfork and exec are its parent's, and do not add up.
    add_compile_options(-fprofile-use=${profile} -fprofile-correction -fprofile-partial-training
                        -Wno-missing-profile)
    add_compile_options(-fomit-frame-pointer)  # profilers have the release build
    # Not `rep movs` and `rep stos`, which take tens of cycles to begin and are chosen for small objects.
    add_compile_options(-mmemcpy-strategy=unrolled_loop:256:noalign,libcall:-1:noalign
                        -mmemset-strategy=unrolled_loop:256:noalign,libcall:-1:noalign)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
    # g++ 12 numbers the fields of a coroutine's frame anew in each translation unit.
    add_link_options(-Wno-odr)
    add_link_options(-Wno-stringop-overflow)  # g++ 12 loses the size of fmt's fill character when it links
  endif()
endif()
if(TIDEGATE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
