# bash completion of kcptun-client
_kcptun_client() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  # bash takes --flag=value apart.
  if [[ $word == '=' ]]; then
    word=''
  elif [[ $before == '=' ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  case $before in
    --localaddr | -localaddr | -l) :; return ;;
    --remoteaddr | -remoteaddr | -r) :; return ;;
    --key | -key) :; return ;;
    --crypt | -crypt) COMPREPLY=($(compgen -W 'aes aes-128 aes-128-gcm aes-192 salsa20 blowfish twofish cast5 3des tea xtea xor sm4 none null' -- "$word")); return ;;
    --mode | -mode) COMPREPLY=($(compgen -W 'auto fast3 fast2 fast normal manual default' -- "$word")); return ;;
    --QPPCount | -QPPCount) :; return ;;
    --QPPGen | -QPPGen) COMPREPLY=($(compgen -W 'a b c' -- "$word")); return ;;
    --conn | -conn) :; return ;;
    --autoexpire | -autoexpire) :; return ;;
    --scavengettl | -scavengettl) :; return ;;
    --mtu | -mtu) :; return ;;
    --ratelimit | -ratelimit) :; return ;;
    --sndwnd | -sndwnd) :; return ;;
    --rcvwnd | -rcvwnd) :; return ;;
    --datashard | -datashard | --ds | -ds) :; return ;;
    --parityshard | -parityshard | --ps | -ps) :; return ;;
    --dscp | -dscp) :; return ;;
    --sockbuf | -sockbuf) :; return ;;
    --smuxver | -smuxver) :; return ;;
    --smuxbuf | -smuxbuf) :; return ;;
    --framesize | -framesize) :; return ;;
    --streambuf | -streambuf) :; return ;;
    --keepalive | -keepalive) :; return ;;
    --closewait | -closewait) :; return ;;
    --tcp-keepalive | -tcp-keepalive) :; return ;;
    --snmplog | -snmplog) local IFS=$'\n'; compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    --snmpperiod | -snmpperiod) :; return ;;
    --log | -log) local IFS=$'\n'; compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    -c) local IFS=$'\n'; compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    --completion | -completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$word")); return ;;
    --pprof-listen | -pprof-listen) :; return ;;
    --log-format | -log-format) COMPREPLY=($(compgen -W 'go json' -- "$word")); return ;;
    --log-level | -log-level) COMPREPLY=($(compgen -W 'debug info warn error' -- "$word")); return ;;
    --drain-timeout | -drain-timeout) :; return ;;
  esac
  local flags='--localaddr -l --remoteaddr -r --key --crypt --mode --QPP --QPPCount --QPPGen --conn --autoexpire --scavengettl --mtu --ratelimit --sndwnd --rcvwnd --datashard --ds --parityshard --ps --dscp --nocomp --sockbuf --smuxver --smuxbuf --framesize --streambuf --keepalive --closewait --tcp-keepalive --snmplog --snmpperiod --log --quiet --tcp -c --pprof --print-config --completion --pprof-listen --log-format --log-level --drain-timeout --keep-shards --no-replay-protection --help -h --version -v'
  if [[ $word == -[!-]* ]]; then flags=${flags//--/-}; fi
  COMPREPLY=($(compgen -W "$flags" -- "$word"))
}
complete -F _kcptun_client kcptun-client
